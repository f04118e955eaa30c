package backup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

// formatOf looks at a dump that has no manifest.
func formatOf(path string) (Format, error) {
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(path, name))
		return err == nil
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case st.IsDir() && has("toc.dat"):
		return Directory, nil
	case st.IsDir() && has("base.tar"):
		return BaseTar, nil
	case st.IsDir() && has("PG_VERSION") && has("backup_label"):
		return BasePlain, nil
	case st.IsDir():
		return "", &fault.Error{Op: "read the backup", Path: path, Err: errors.New("it is neither a dump nor a base backup"), Hint: "give a dump in one of pg_dump's formats, or what pg_basebackup made"}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := f.Read(head)
	switch head := string(head[:n]); {
	case strings.HasPrefix(head, "PGDMP"): // src/bin/pg_dump/pg_backup_archiver.c: WriteHead
		return Custom, nil
	case strings.HasPrefix(head, "toc.dat\x00"):
		return Tar, nil
	case strings.ContainsRune(head, 0):
		return "", &fault.Error{Op: "read the backup", Path: path, Err: errors.New("it is not a dump of pg_dump"), Hint: "give a dump in custom, directory, tar or plain format"}
	}
	return Plain, nil
}
