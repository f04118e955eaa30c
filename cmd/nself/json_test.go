package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/ledger"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// TestJSONDocs: each command with --json, and each field that it prints, is in docs/json.md.
func TestJSONDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	section := func(command string) string {
		for part := range strings.SplitSeq(page, "\n## ") {
			heading, body, _ := strings.Cut(part, "\n")
			for name := range strings.SplitSeq(heading, ", ") {
				if command == name {
					return body
				}
			}
		}
		return ""
	}
	printed := map[string][]any{
		"nself status": {report{}}, "nself health": {healthReport{}}, "nself urls": {compose.URL{}}, "nself doctor": {finding{}}, "nself list": {runningProject{}}, "nself ext list": {extensionRow{}}, "nself branch": {listedBranch{}},
		"nself logs": {supervisor.LogRecord{}}, "nself version": {versions{}}, "nself build": {buildReport{}}, "nself db list": {listedDatabase{}}, "nself backup list": {listed{}},
		"nself replica": {replicas{}}, "nself db move": {movedJSON{}},
		"nself db migrate": {ledger.Report{}, ledger.Step{}}, "nself db seed": {ledger.Report{}, ledger.Step{}},
	}
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Flags().Lookup("json") != nil && printed[c.CommandPath()] == nil && printed[c.Parent().CommandPath()] == nil {
			t.Errorf("%s has --json: add it to docs/json.md and to this test", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot())
	var promised []string
	for command, values := range printed {
		body := section(command)
		if body == "" {
			t.Errorf("docs/json.md has no section %s", command)
			continue
		}
		for _, v := range values {
			fields := jsonFields(reflect.TypeOf(v))
			promised = append(promised, fmt.Sprintf("%T: %s", v, strings.Join(fields, " ")))
			for _, field := range fields {
				if !strings.Contains(body, "`"+field+"`") {
					t.Errorf("%s: docs/json.md does not name %s", command, field)
				}
			}
		}
	}
	slices.Sort(promised)
	if got := strings.Join(slices.Compact(promised), "\n"); got != promise {
		t.Errorf("the fields are\n%s\nwhich may be more than those of promise, and then it is to be brought up to date, but not less", got)
	}
}

// promise are the fields that programs rely on.
const promise = `compose.URL: service url note
ledger.Report: version name path outside elapsed
ledger.Step: version name path state applied
main.buildReport: changed kept route kind listen host why
main.extensionRow: name version from preload licence comment
main.finding: check status detail hint elapsed
main.healthReport: healthy total unhealthy reasons
main.listed: id name tag created format database server_version size path damaged
main.listedBranch: name current status from created expires git_gone runtime
main.listedDatabase: name owner size connections
main.movedJSON: pause tables rows copied compared differences
main.replicas: standby wal_level upstream host status behind followers name address state bytes behind slots name kind database active kept status publications name tables subscriptions name enabled running errors behind
main.report: timestamp services name status healthy duration details state pid phase version control socket_dir port user database listen metrics shared transient started failure runtime project name branch server_pid last_crash at reason log restarts archive archive_id oom_kills checks check status detail hint elapsed summary total healthy unhealthy metrics connections max_connections size wal commits rollbacks deadlocks bad_checksums stats time started version recovery crashes max_connections sessions pid database user application state wait in_state transaction statement memory memory locks database mode held awaited databases name size connections commits rollbacks blocks_read blocks_hit rows_returned rows_fetched rows_inserted rows_updated rows_deleted temp_files temp_bytes conflicts deadlocks bad_checksums transaction_age wal position size records page_images bytes buffers_full checkpoints timed requested buffers write sync archive on archived last_archived failed last_failed waiting slots name kind active status retained replicas name state behind lag statements id database user query calls total max rows read hit
main.runningProject: name status project runtime gone pid listen since
main.versions: nself commit postgresql module_sha256 engine go platform
supervisor.LogRecord: time level message pid sqlstate backend database user application detail hint query context statement other`

// jsonFields are the names of a type's fields in JSON, those of what is within it too.
func jsonFields(t reflect.Type) (names []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
		if f.IsExported() {
			names = append(names, jsonFields(f.Type)...)
		}
	}
	return names
}
