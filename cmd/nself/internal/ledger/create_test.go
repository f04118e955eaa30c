package ledger_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/ledger"
)

// TestCreate: a new migration has the form of those in the directory, and sorts after them.
func TestCreate(t *testing.T) {
	for name, tt := range map[string]struct{ dir, file, text, up, down string }{
		"none":        {"m", "", "", "_next.up.sql", "_next.down.sql"},
		"plain":       {"m", "1_a.sql", "SELECT 1;", "_next.up.sql", "_next.down.sql"},
		"hasura":      {"hasura/m", "", "", "_next/up.sql", "_next/down.sql"},
		"goose":       {"m", "1_a.sql", "-- +goose Up\n", "_next.sql", "_next.sql"},
		"dbmate":      {"m", "1_a.sql", "-- migrate:up\n-- migrate:down\n", "_next.sql", "_next.sql"},
		"sql-migrate": {"m", "1_a.sql", "-- +migrate Up\n", "_next.sql", "_next.sql"},
		"tern":        {"m", "007_a.sql", "select 1;\n---- create above / drop below ----\n", "m/008_next.sql", "m/008_next.sql"},
		"atlas":       {"m", "1_a.sql", "-- atlas:nolint\n\nSELECT 1;\n", "_next.sql", "_next.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if tt.file != "" {
				if err := os.Mkdir(tt.dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(tt.dir, tt.file), []byte(tt.text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			up, down, err := ledger.Migrations.Create(tt.dir, "next")
			if err != nil || !strings.HasSuffix(up, tt.up) || !strings.HasSuffix(down, tt.down) {
				t.Fatal(up, down, err)
			}
			files, err := ledger.Migrations.Files(tt.dir, nil)
			if err != nil || len(files) == 0 || files[len(files)-1].Path != up {
				t.Error(files, err)
			}
			if _, _, err := ledger.Migrations.Create(tt.dir, ""); err != nil {
				t.Error("another name:", err)
			}
		})
	}
}
