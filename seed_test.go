package embeddedpg_test

import (
	"bytes"
	"testing"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/programs"
)

// TestSeed: the cluster that the program carries is what its initdb makes, byte by byte.
func TestSeed(t *testing.T) {
	set, err := programs.Load(t.Context(), programs.Options{Server: true, Initdb: true, Tools: true})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	seed, err := cluster.MakeSeed(t.Context(), cluster.Programs{Program: set.Program, Image: set.Image()})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(seed, image.Cluster()) {
		t.Error("internal/image/cluster.zst is old: run go run ./cmd/seed internal/image/cluster.zst")
	}
}

// TestNewClusters: clusters of the seed and of initdb are alike in what they answer, and each is one of its own.
func TestNewClusters(t *testing.T) {
	seen := map[string]bool{}
	for _, tt := range []struct{ superuser, password, database string }{
		{"postgres", "of the seed", "postgres"},
		{"postgres", "of the seed", "own"},
		{"admin", "of initdb", "postgres"},
		{"postgres", "of initdb: grün", "postgres"},
	} {
		s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{Superuser: tt.superuser, Password: tt.password, Database: tt.database})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		db := connect(t, s)
		var id, who, where, sums, locale string
		err = db.QueryRow(t.Context(), `SELECT system_identifier, session_user, current_database(), current_setting('data_checksums'),
			(SELECT datlocprovider::text || datlocale || datcollate || pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database())
			FROM pg_control_system()`).Scan(&id, &who, &where, &sums, &locale)
		if err != nil {
			t.Fatal(err)
		}
		if who != tt.superuser || where != tt.database || sums != "on" || locale != "bC.UTF-8CUTF8" {
			t.Error(who, where, sums, locale)
		}
		if seen[id] {
			t.Error("a second cluster with the system identifier", id)
		}
		seen[id] = true
	}
}
