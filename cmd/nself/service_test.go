package main

import (
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// awkward has what the formats must quote.
var awkward = unit{Name: "a&b %n", Program: `/opt/my $tools/"n"self`, Dir: "/home/me/100% mine", Runtime: "/var/x y"}

func TestServiceSystemd(t *testing.T) {
	text, err := awkward.text("systemd")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Description=PostgreSQL of the project a&b %%n\n",
		"WorkingDirectory=/home/me/100%% mine\n",
		"Environment=\"NSELF_RUNTIME_DIR=/var/x y\"\n",
		`ExecStart="/opt/my $$tools/\"n\"self" start --embedded-pg --only postgres --foreground` + "\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestServiceLaunchd(t *testing.T) {
	text, err := awkward.text("launchd")
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	d := xml.NewDecoder(strings.NewReader(string(text)))
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := token.(xml.CharData); ok && strings.TrimSpace(string(c)) != "" {
			words = append(words, string(c))
		}
	}
	got := strings.Join(words, "|")
	for _, want := range []string{"Label|org.nself.a&b %n|", "ProgramArguments|" + awkward.Program + "|start|--embedded-pg|--only|postgres|--foreground|", "WorkingDirectory|" + awkward.Dir + "|", "NSELF_RUNTIME_DIR|" + awkward.Runtime + "|"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}

func TestServiceRefuses(t *testing.T) {
	if _, err := (unit{Name: "a", Dir: "/a\nExecStart=/bin/sh"}).text("systemd"); err == nil {
		t.Error("a line break was let in")
	}
}

// TestServiceSystem has systemd itself read the units, where it is installed.
func TestServiceSystem(t *testing.T) {
	u := unit{Name: "shop & co", Program: "/bin/true", Dir: t.TempDir(), Runtime: "/var/lib/x y", System: &user.User{Username: "root", HomeDir: "/nonexistent"}}
	text, err := u.text("systemd")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"User=root\n", "RuntimeDirectory=nself-shop---co\n", "XDG_RUNTIME_DIR=/run/nself-shop---co\n", "ReadWritePaths=" + u.Dir + "\n", "ReadWritePaths=\"/var/lib/x y\"\n",
		"ReadWritePaths=/nonexistent/.nself\n", "ProtectSystem=strict\n", "WantedBy=multi-user.target\n", "ExecReload=/bin/true reload\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	u.System = nil
	login, err := u.text("systemd")
	if err != nil || strings.Contains(string(login), "ProtectSystem") || !strings.Contains(string(login), "WantedBy=default.target\n") {
		t.Errorf("%s %v", login, err)
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze, which reads a unit as systemd does")
	}
	for name, unit := range map[string][]byte{"system": text, "login": login} {
		file := filepath.Join(t.TempDir(), name+".service")
		if err := os.WriteFile(file, unit, 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("systemd-analyze", "verify", "--man=no", file).CombinedOutput(); err != nil || strings.Contains(string(out), file) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}
