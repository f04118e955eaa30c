package migrate_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/migrate"
)

// Texts of files that do nothing.
const (
	plain  = "SELECT 1;"
	goose  = "-- +goose Up\nSELECT 1;\n-- +goose Down\n"
	dbmate = "-- migrate:up\nSELECT 1;\n-- migrate:down\n"
	tern   = "select 1;\n---- create above / drop below ----\n"
)

func load(files map[string]string) (migrate.Files, error) {
	m := fstest.MapFS{}
	var names []string
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
		if strings.HasSuffix(name, ".sql") {
			names = append(names, name)
		}
	}
	return migrate.Load(m, names, nil)
}

func names(l migrate.Files) string {
	var out []string
	for _, f := range l {
		out = append(out, f.Name)
	}
	return strings.Join(out, " ")
}

func TestOrder(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"plain":           {map[string]string{"10_c.sql": plain, "2_b.sql": plain, "001_a.sql": plain, "z.sql": plain, "a.sql": plain}, "001_a.sql 2_b.sql 10_c.sql a.sql z.sql"},
		"goose":           {map[string]string{"10_b.sql": goose, "9_a.sql": goose}, "9_a.sql 10_b.sql"},
		"timestamps":      {map[string]string{"20260102030405_b.sql": goose, "00001_a.sql": goose}, "00001_a.sql 20260102030405_b.sql"},
		"golang-migrate":  {map[string]string{"10_b.up.sql": plain, "10_b.down.sql": "bad", "9_a.up.sql": plain, "9_a.down.sql": "bad"}, "9_a.up.sql 10_b.up.sql"},
		"dbmate by name":  {map[string]string{"10_b.sql": dbmate, "9_a.sql": dbmate}, "10_b.sql 9_a.sql"},
		"directories":     {map[string]string{"10_b/up.sql": plain, "9_a/up.sql": plain, "9_a/down.sql": plain, "11_c/migration.sql": plain}, "9_a/up.sql 10_b/up.sql 11_c/migration.sql"},
		"two of a number": {map[string]string{"1_b.sql": plain, "1_a.sql": plain}, "1_a.sql 1_b.sql"},
		"atlas by name": {map[string]string{
			"10_more.sql": "CREATE TABLE more (id int);\n", "1_users.sql": "CREATE TABLE users (id int);\n", "2_ignored.sql": "-- atlas:sum ignore\n\nSELECT 1;\n",
			"atlas.sum": atlasSum,
		}, "10_more.sql 1_users.sql 2_ignored.sql"},
	} {
		got, err := load(tt.files)
		if err != nil || names(got) != tt.want {
			t.Errorf("%s: %s, %v", name, names(got), err)
		}
	}
}

// atlasSum was made by ariga.io/atlas.
const atlasSum = `h1:TGt3VeRdCXAW9r1v46F13gaITqYOMSVp7qa2950tEuM=
10_more.sql h1:o855SgVVBZLTDR5kR+bU61uETJ66OYh8cMyKoMf5RBg=
1_users.sql h1:wiVz5db+nncdautLFTXHHg7NFGnKpa9a1MeWmiN2174=
`

// TestDirectoryRefused has what is wrong with the files of a directory together.
func TestDirectoryRefused(t *testing.T) {
	users := "CREATE TABLE users (id int);\n"
	for name, tt := range map[string]struct {
		files      map[string]string
		path, text string
	}{
		"goose: one number":     {map[string]string{"1_a.sql": goose, "01_b.sql": goose}, "1_a.sql", "01_b.sql"},
		"tern: one number":      {map[string]string{"001_a.sql": tern, "1_b.sql": tern}, "1_b.sql", "001_a.sql"},
		"golang: one number":    {map[string]string{"1_a.up.sql": plain, "1_b.up.sql": plain}, "1_b.up.sql", "1_a.up.sql"},
		"goose: no number":      {map[string]string{"a.sql": goose}, "a.sql", "goose"},
		"goose: in Go":          {map[string]string{"1_a.sql": goose, "2_b.go": "package x"}, "2_b.go", "goose"},
		"tern: template":        {map[string]string{"1_a.sql": tern, "2_b.sql": "SELECT '{{.name}}';"}, "2_b.sql:1", "tern"},
		"tern.conf: template":   {map[string]string{"1_a.sql": "SELECT '{{.name}}';", "tern.conf": ""}, "1_a.sql:1", "tern"},
		"atlas.sum: changed":    {map[string]string{"1_users.sql": plain, "10_more.sql": "CREATE TABLE more (id int);\n", "2_ignored.sql": "-- atlas:sum ignore\n\n", "atlas.sum": atlasSum}, "1_users.sql", "atlas.sum"},
		"atlas.sum: removed":    {map[string]string{"10_more.sql": "CREATE TABLE more (id int);\n", "atlas.sum": atlasSum}, "1_users.sql", "atlas.sum"},
		"atlas.sum: added":      {map[string]string{"1_users.sql": users, "10_more.sql": "CREATE TABLE more (id int);\n", "2_ignored.sql": plain, "atlas.sum": atlasSum}, "2_ignored.sql", "atlas.sum"},
		"atlas.sum of no files": {map[string]string{"1_users.sql": users, "atlas.sum": ""}, "1_users.sql", "atlas.sum"},
	} {
		_, err := load(tt.files)
		var told *fault.Error
		if !errors.As(err, &told) || told.Path != tt.path || !strings.Contains(told.Error(), tt.text) || told.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := migrate.Load(fstest.MapFS{}, []string{"1.sql"}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestCheckpoint: a new database begins at the last checkpoint of atlas; one that has files leaves checkpoints out.
func TestCheckpoint(t *testing.T) {
	check := "-- atlas:checkpoint\n\nSELECT 1;\n"
	list, err := load(map[string]string{"1.sql": plain, "2.sql": check, "3.sql": plain, "4.sql": check, "5.sql": plain})
	if err != nil {
		t.Fatal(err)
	}
	for applied, want := range map[string]string{
		"":                  "4.sql 5.sql",
		"1.sql":             "1.sql 3.sql 5.sql",
		"2.sql 3.sql":       "2.sql 3.sql 5.sql",
		"4.sql":             "4.sql 5.sql",
		"1.sql 3.sql 5.sql": "1.sql 3.sql 5.sql",
	} {
		got := list.Pending(func(f migrate.File) bool { return strings.Contains(applied, f.Name) })
		if names(got) != want {
			t.Errorf("applied %s: %s", applied, names(got))
		}
	}
	if got := names(list.Fresh()); got != "4.sql 5.sql" {
		t.Error(got)
	}
}
