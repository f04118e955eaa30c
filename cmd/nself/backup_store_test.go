package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// TestBackupStore goes the way of a new user as far as a mistake of theirs goes; package offsite's tests go to the end.
func TestBackupStore(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	t.Cleanup(server.Close)
	home := t.TempDir()
	p := newProject(t, "HOME="+home, "AWS_ACCESS_KEY_ID=access", "AWS_SECRET_ACCESS_KEY=very-secret", "AWS_REGION=us-east-1")
	for _, c := range []struct {
		env  []string
		args string
		want string // in the error
	}{
		{nil, "backup push", "BACKUP_STORE"},
		{[]string{"BACKUP_STORE=/mnt/backups"}, "backup list --remote", "s3://bucket/prefix"},
		{[]string{"BACKUP_STORE=s3://none", "BACKUP_S3_ENDPOINT=ftp://host"}, "backup list --remote", "https://host"},
		{[]string{"BACKUP_STORE=s3://none", "BACKUP_S3_ENDPOINT=" + server.URL}, "backup list --remote", "make the bucket none"},
		{[]string{"BACKUP_STORE=s3://none", "BACKUP_S3_ENDPOINT=" + server.URL}, "backup push", "nself backup create"},
		{[]string{"BACKUP_STORE=s3://none", "BACKUP_S3_ENDPOINT=" + server.URL}, "backup pull", "BACKUP_KEY"},
	} {
		q := *p
		q.env = append(q.env[:len(q.env):len(q.env)], c.env...)
		if r := q.run(strings.Fields(c.args)...); r.code != 1 || !strings.Contains(r.err, c.want) || strings.Contains(r.err+r.out, "very-secret") {
			t.Errorf("%v %s: %+v", c.env, c.args, r)
		}
	}
	if _, err := os.Stat(filepath.Join(home, ".nself", "backup.key")); err == nil {
		t.Error("a key was made, and nothing stored")
	}
}
