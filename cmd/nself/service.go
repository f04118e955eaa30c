package main

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
	"nself.org/embeddedpg"
)

func newService(p *project) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "service",
		Short: "Print a unit that starts the database at login",
		Long: `Print a systemd user unit (Linux) or a launchd property list (macOS) that runs the embedded database of this
project: from login to logout, and again after a crash. nself installs nothing itself.`,
		Example: `  nself service > ~/.config/systemd/user/myproject.service
  systemctl --user enable --now myproject

  nself service --format launchd > ~/Library/LaunchAgents/org.nself.myproject.plist
  launchctl load ~/Library/LaunchAgents/org.nself.myproject.plist`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			u := unit{Name: cmp.Or(p.Name, filepath.Base(p.Dir)), Program: self, Dir: p.Dir}
			if v := os.Getenv("NSELF_RUNTIME_DIR"); v != "" {
				u.Runtime = p.Runtime
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
	choiceFlag(c, &format, "format", own, "systemd or launchd", "systemd", "launchd")
	return c
}

// unit is what a service manager is told.
type unit struct {
	Name    string
	Program string // absolute
	Dir     string // the project
	Runtime string // the runtime directory, if the environment names it; else ""
}

// text returns the unit in a service manager's format.
func (u unit) text(format string) ([]byte, error) {
	for _, s := range []string{u.Name, u.Program, u.Dir, u.Runtime} {
		if strings.ContainsAny(s, "\r\n") {
			return nil, &embeddedpg.Error{Op: "describe", Path: s, Err: errors.New("a path with a line break cannot be written there"), Hint: "rename it"}
		}
	}
	var b bytes.Buffer
	err := units[format].Execute(&b, u)
	return b.Bytes(), err
}

// systemd reads % as the beginning of a specifier, and in a command line $ as that of a variable (systemd.unit(5),
// systemd.service(5)). A database in the foreground tells when it is ready (sd_notify(3)) and stops on SIGTERM.
var units = map[string]*template.Template{
	"systemd": template.Must(template.New("").Funcs(template.FuncMap{
		"plain":    func(s string) string { return strings.ReplaceAll(s, "%", "%%") },
		"variable": func(s string) string { return quoteUnit(strings.ReplaceAll(s, "%", "%%")) },
		"command": func(s string) string {
			return quoteUnit(strings.NewReplacer("%", "%%", "$", "$$").Replace(s))
		},
	}).Parse(`[Unit]
Description=PostgreSQL of the project {{plain .Name}}

[Service]
Type=notify
WorkingDirectory={{plain .Dir}}
{{- if .Runtime}}
Environment={{variable (print "NSELF_RUNTIME_DIR=" .Runtime)}}
{{- end}}
ExecStart={{command .Program}} start --embedded-pg --only postgres --foreground
KillMode=mixed
TimeoutStartSec=120
TimeoutStopSec=90
Restart=on-failure

[Install]
WantedBy=default.target
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
