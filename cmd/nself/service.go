package main

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/branch"
)

func newService(p *project) *cobra.Command {
	var format string
	var system bool
	c := &cobra.Command{
		Use:   "service",
		Short: "Print a unit that starts the database at login, or at boot",
		Long: `Print a systemd user unit (Linux) or a launchd property list (macOS) that runs the embedded database
of this project: from login to logout, and again after a crash. With --system it is a unit for the
machine's systemd: from boot to shutdown, as the present user, with what the database does not need
taken away. nself installs nothing itself.`,
		Example: `  nself service > ~/.config/systemd/user/myproject.service
  systemctl --user enable --now myproject

  nself service --system | sudo tee /etc/systemd/system/myproject.service
  sudo systemctl enable --now myproject

  nself service --format launchd > ~/Library/LaunchAgents/org.nself.myproject.plist
  launchctl load ~/Library/LaunchAgents/org.nself.myproject.plist`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			u := unit{Name: cmp.Or(p.Name, filepath.Base(p.Dir)), Program: self, Dir: p.Dir}
			if system {
				if format != "systemd" {
					return &embeddedpg.Error{Op: verb(cmd), Err: errors.New("--system is for systemd"), Hint: "leave it out"}
				}
				if u.System, err = user.Current(); err != nil {
					return err
				}
			}
			if v := os.Getenv("NSELF_RUNTIME_DIR"); v != "" {
				u.Runtime = p.branches.Runtime(branch.Main)
			}
			text, err := u.text(format)
			if err == nil {
				_, err = cmd.OutOrStdout().Write(text)
			}
			return err
		},
	}
	own := "systemd"
	if runtime.GOOS == "darwin" {
		own = "launchd"
	}
	c.Flags().BoolVar(&system, "system", false, "print a unit for the machine's systemd, from boot to shutdown")
	choiceFlag(c, &format, "format", own, "systemd or launchd", "systemd", "launchd")
	return c
}

// unit is what a service manager is told.
type unit struct {
	Name    string
	Program string     // absolute
	Dir     string     // the project
	Runtime string     // the runtime directory, if the environment names it; else ""
	System  *user.User // whose processes those of a system unit are; nil for a user unit
}

// text returns the unit in a service manager's format.
func (u unit) text(format string) ([]byte, error) {
	words := []string{u.Name, u.Program, u.Dir, u.Runtime}
	if u.System != nil {
		words = append(words, u.System.Username, u.System.HomeDir)
	}
	for _, s := range words {
		if strings.ContainsAny(s, "\r\n") {
			return nil, &embeddedpg.Error{Op: "describe", Path: s, Err: errors.New("a path with a line break cannot be written there"), Hint: "rename it"}
		}
	}
	var b bytes.Buffer
	err := units[format].Execute(&b, u)
	return b.Bytes(), err
}

// Kept is what a system unit may write to.
func (u unit) Kept() []string {
	kept := []string{u.Dir}
	if u.Runtime != "" && !strings.HasPrefix(u.Runtime, u.Dir+"/") {
		kept = append(kept, u.Runtime)
	}
	return append(kept, filepath.Join(u.System.HomeDir, ".nself")) // the compiled code, and backups
}

// systemd reads % as the beginning of a specifier, and in a command line $ as that of a variable (systemd.unit(5),
// systemd.service(5)). A database in the foreground tells when it is ready (sd_notify(3)) and stops on SIGTERM.
var units = map[string]*template.Template{
	"systemd": template.Must(template.New("").Funcs(template.FuncMap{
		"plain":    func(s string) string { return strings.ReplaceAll(s, "%", "%%") },
		"word":     wordOf,
		"variable": func(s string) string { return quoteUnit(strings.ReplaceAll(s, "%", "%%")) },
		"command": func(s string) string {
			return quoteUnit(strings.NewReplacer("%", "%%", "$", "$$").Replace(s))
		},
	}).Parse(`[Unit]
Description=PostgreSQL of the project {{plain .Name}}
{{- if .System}}
After=network.target local-fs.target
{{- end}}

[Service]
Type=notify
{{- if .System}}
User={{plain .System.Username}}
{{- end}}
WorkingDirectory={{plain .Dir}}
{{- if .Runtime}}
Environment={{variable (print "NSELF_RUNTIME_DIR=" .Runtime)}}
{{- end}}
{{- if .System}}
# The socket is below this directory, as /tmp is the unit's own.
RuntimeDirectory=nself-{{word .Name}}
RuntimeDirectoryMode=0700
Environment=XDG_RUNTIME_DIR=/run/nself-{{word .Name}}
{{- end}}
ExecStart={{command .Program}} start --embedded-pg --only postgres --foreground
ExecReload={{command .Program}} reload
KillMode=mixed
TimeoutStartSec=600
TimeoutStopSec=90
Restart=on-failure
RestartSec=2

LimitNOFILE=65536
LimitCORE=0
TasksMax=4096
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
{{- if .System}}
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
{{- range .Kept}}
ReadWritePaths={{variable .}}
{{- end}}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictNamespaces=yes
SystemCallFilter=@system-service
{{- end}}
# Not MemoryDenyWriteExecute: the server's code is compiled and mapped here.

[Install]
WantedBy={{if .System}}multi-user{{else}}default{{end}}.target
`)),
	"launchd": template.Must(template.New("").Funcs(template.FuncMap{"text": escapeXML}).Parse(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>org.nself.{{text .Name}}</string>
	<key>ProgramArguments</key>
	<array>
		<string>{{text .Program}}</string>
		<string>start</string>
		<string>--embedded-pg</string>
		<string>--only</string>
		<string>postgres</string>
		<string>--foreground</string>
	</array>
	<key>WorkingDirectory</key>
	<string>{{text .Dir}}</string>
{{- if .Runtime}}
	<key>EnvironmentVariables</key>
	<dict>
		<key>NSELF_RUNTIME_DIR</key>
		<string>{{text .Runtime}}</string>
	</dict>
{{- end}}
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ExitTimeOut</key>
	<integer>90</integer>
</dict>
</plist>
`)),
}

// wordOf is a name as part of a directory's.
func wordOf(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
}

// quoteUnit quotes a word as systemd.syntax(7) has it.
func quoteUnit(s string) string {
	if !strings.ContainsAny(s, " \t\"'\\;") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func escapeXML(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}
