package main

import (
	"encoding/xml"
	"io"
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
