package cluster

import (
	"errors"
	"os"
	"path"
	"strings"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/vfs"
)

// Where things are for the guest.
const (
	guestPrefix = "/pgsql"  // programs, libraries and share files: the image
	guestData   = "/pgdata" // a data directory that is being made, or cannot have its own name: see guestPath
	guestRun    = "/run"    // files that only this run needs, and sockets that cannot have their own name
	guestPw     = guestRun + "/password"
	guestZones  = guestPrefix + "/share/timezone"

	// guestBackends, in the data directory, is where the postmaster leaves each new process its parameters, in a file that
	// lives for a millisecond, and all of them the settings.
	guestBackends = "pgsql_tmp"
)

// Mount makes a directory of the host visible to the server, as a volume does for a container.
type Mount struct {
	Host     string // host directory; must exist
	Guest    string // absolute path in the guest, outside the places the guest itself needs
	ReadOnly bool
}

// taken are the guest paths that no mount may cover or lie in, and that no directory of the host has in the guest.
var taken = []string{guestPrefix, guestData, guestRun, guestExtensions, "/dev", "/dev/shm", "/etc", "/proc", "/sys", "/tmp"}

// CheckMount says what is wrong with a mount's guest path.
func CheckMount(m Mount) error {
	bad := func(reason string) error {
		return &fault.Error{
			Op: "mount", Path: m.Guest, Err: errors.New(reason),
			Hint: "give an absolute path such as /mnt/files",
		}
	}
	clean := path.Clean(m.Guest)
	if !path.IsAbs(m.Guest) || clean == "/" {
		return bad("it is not an absolute path below /")
	}
	for _, t := range taken {
		if t != "/tmp" && within(clean, t) {
			return bad("the server itself uses " + t)
		}
	}
	return nil
}

// tree is everything that the guest sees as files.
type tree struct {
	root     vfs.FS
	data     string   // guest path of the data directory
	sockets  string   // guest path of the socket's directory
	run      *vfs.Mem // what is ours to write
	backends *vfs.Mem // guestBackends, where that is in memory
	free     []func() error
}

// newTree assembles the guest's files: the image, the data directory dataDir of the host, under the name data for the
// guest, private directories in memory, and what a run adds.
func newTree(image vfs.FS, dataDir, data string, o RunOptions) (*tree, error) {
	t := &tree{data: data, run: vfs.NewMem(vfs.MemOptions{})}
	if err := t.mount(image, dataDir, o); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *tree) mount(image vfs.FS, dataDir string, o RunOptions) error {
	data, err := t.dir(dataDir, false)
	if err != nil {
		return &fault.Error{Op: opCheck, Path: dataDir, Hint: accessHint(err), Err: err}
	}
	if o.Data != nil {
		data = o.Data(data)
	}
	etc, err := etc()
	if err != nil {
		return err
	}
	shm := vfs.NewShm()
	t.free = append(t.free, shm.Close)
	all := map[string]vfs.FS{
		"/":        image, // its top folder is guestPrefix
		t.data:     data,
		guestRun:   t.run,
		"/tmp":     vfs.NewMem(vfs.MemOptions{}),
		"/etc":     etc,
		"/dev":     vfs.NewDev(),
		"/dev/shm": shm,
	}
	if o.fixed != nil {
		all[t.data] = &alterSystem{FS: data, fixed: o.fixed, log: kernelLog(o.Log)}
		t.backends = vfs.NewMem(vfs.MemOptions{})
		all[path.Join(t.data, guestBackends)] = t.backends
	}
	for _, m := range o.Mounts {
		if err := CheckMount(m); err != nil {
			return err
		}
		dir, err := t.dir(m.Host, m.ReadOnly)
		if err != nil {
			return &fault.Error{Op: "mount", Path: m.Host, Hint: "give a directory that exists and that this user can use", Err: err}
		}
		clean := path.Clean(m.Guest)
		if within(clean, t.data) {
			return &fault.Error{Op: "mount", Path: m.Guest, Err: errors.New("it lies in the data directory"), Hint: "give a path such as /mnt/files"}
		}
		all[clean] = dir
	}
	if o.TimeZones != "" {
		if all[guestZones], err = t.timeZones(o.TimeZones); err != nil {
			return err
		}
	}
	t.sockets = socketPath(o.SocketDir, t.data, all)
	if err := t.mountExtensions(all, o.ExtensionDirs, o.Extensions); err != nil {
		return err
	}
	t.root, err = vfs.NewNamespace(all)
	return err
}

// dir opens a directory of the host, outside of which the guest sees nothing.
func (t *tree) dir(host string, readOnly bool) (vfs.FS, error) {
	d, err := vfs.NewDir(host, vfs.DirOptions{ReadOnly: readOnly})
	if err != nil {
		return nil, err
	}
	t.free = append(t.free, d.Close)
	return d, nil
}

// timeZones opens a directory of zone files, which has UTC at least.
func (t *tree) timeZones(host string) (vfs.FS, error) {
	dir, err := t.dir(host, true)
	if err == nil {
		_, err = dir.Stat("/UTC", true)
	}
	if err != nil {
		return nil, &fault.Error{
			Op: "use the time zones", Path: host, Err: reason(err),
			Hint: "give a directory of compiled zone files, such as /usr/share/zoneinfo",
		}
	}
	return dir, nil
}

// write makes a file below guestRun.
func (t *tree) write(guestPath, text string) error {
	return t.run.WriteFile(strings.TrimPrefix(guestPath, guestRun), []byte(text), 0o600)
}

// close releases the host directories and the shared memory.
func (t *tree) close() error {
	var errs []error
	for _, f := range t.free {
		errs = append(errs, f())
	}
	t.free = nil
	return errors.Join(errs...)
}

// etc is the guest's /etc: its one user, and copies of what name resolution needs, so that the server can
// be a client of another one.
func etc() (vfs.FS, error) {
	files := map[string]string{
		"/passwd": "postgres:x:1000:1000::/:/bin/false\n",
		"/group":  "postgres:x:1000:\n",
		"/hosts":  "127.0.0.1 localhost\n::1 localhost\n",
	}
	for _, name := range []string{"/hosts", "/resolv.conf"} {
		if b, err := os.ReadFile("/etc" + name); err == nil {
			files[name] = string(b)
		}
	}
	m := vfs.NewMem(vfs.MemOptions{})
	for name, text := range files {
		if err := m.WriteFile(name, []byte(text), 0o444); err != nil {
			return nil, err
		}
	}
	return m, nil
}
