package embeddedpg

import (
	"maps"
	"os"

	"nself.org/embeddedpg/internal/cluster"
)

// archiveMount is the guest's name of Config.ArchiveDir.
const archiveMount = "/archive"

// archive makes the server copy finished segments of the write-ahead log to dir. Settings of the user win: archive_timeout,
// or archive_mode = off.
func archive(run *cluster.RunOptions, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &Error{Op: "make the archive directory", Path: dir, Err: err, Hint: "use a directory that this user can write"}
	}
	run.Mounts = append(run.Mounts, cluster.Mount{Host: dir, Guest: archiveMount})
	settings := map[string]string{"archive_mode": "on", "archive_library": "basic_archive", "basic_archive.archive_directory": archiveMount}
	maps.Copy(settings, run.Settings)
	run.Settings = settings
	return nil
}
