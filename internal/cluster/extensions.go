package cluster

import (
	"fmt"
	"io/fs"
	"strings"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/vfs"
)

// guestExtensions is where the extension directories are, the host's and then those of the program, numbered. The server loads code from there and from
// nowhere else, and cannot write there.
const guestExtensions = "/extensions"

// extensionRoot is the guest's folder of the i-th directory. PostgreSQL looks for control files in its folder
// "extension" (extension_control_path), so that is where the host's directory is; the modules lie beside them.
func extensionRoot(i int) string      { return fmt.Sprintf("%s/%d", guestExtensions, i) }
func extensionDirectory(i int) string { return extensionRoot(i) + "/extension" }

// mountExtensions adds the directories to the guest's files.
func (t *tree) mountExtensions(all map[string]vfs.FS, hosts []string, own []fs.FS) error {
	for i, host := range hosts {
		dir, err := t.dir(host, true)
		if err != nil {
			return &fault.Error{
				Op: "use the extension directory", Path: host, Err: err,
				Hint: "give a directory that exists and that this user can read",
			}
		}
		all[extensionDirectory(i)] = dir
	}
	for i, source := range own {
		all[extensionDirectory(len(hosts)+i)] = vfs.NewImageLater(source)
	}
	return nil
}

// extensionSettings make PostgreSQL look into n extension directories, before the modules that are built in.
func extensionSettings(n int) map[string]string {
	if n == 0 {
		return nil
	}
	var control, library []string
	for i := range n {
		control = append(control, extensionRoot(i))
		library = append(library, extensionDirectory(i))
	}
	return map[string]string{
		"extension_control_path": strings.Join(append(control, "$system"), ":"),
		"dynamic_library_path":   strings.Join(append(library, "$libdir"), ":"),
	}
}
