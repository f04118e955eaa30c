package embeddedpg

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/listen"
)

// Config describes a server. The zero value is a temporary server for this program alone. Start copies
// it: changes made later have no effect. Relative paths are those of the working directory at that time. What a
// field cannot be is an *Error of Start that names the field, and nothing is made or started then.
type Config struct {
	// DataDir is the data directory. If it does not exist or is empty, a new cluster is made there: UTF8,
	// the locale that Locale says, data checksums on, scram-sha-256 passwords. If it holds a cluster of
	// PostgreSQL 18 that was not shut down, the server recovers first, as after a power failure. Anything
	// else is refused and not touched. Default: a temporary directory that Close removes.
	DataDir string

	// CopyFrom is a directory that Server.Snapshot made, or the data directory of a stopped cluster. Where DataDir has no
	// cluster yet, the new one is a copy of it: superuser, passwords and databases are those of the original, so
	// Superuser, Password and Database must name what is there; replication slots are not copied. CopyFrom itself is not changed. Default: a new cluster is
	// made from nothing.
	CopyFrom string

	// SocketDir is the directory of the Unix socket, whose name is .s.PGSQL.<Port>. It is made, with mode
	// 0700, if it does not exist. Its path may have about 90 bytes, as Unix sockets' names are short. Default: a
	// temporary directory that Close removes.
	SocketDir string

	// SocketMode is the permissions of the Unix socket. Whoever may connect still needs a password.
	// Default 0600: the user who runs the program.
	SocketMode fs.FileMode

	// Port is the number in the Unix socket's name. No TCP port is opened for it; SHOW port says that of Listen where that
	// is set, else this one. Default 5432.
	Port int

	// Listen is a TCP address to listen on, host:port. Port 0 takes a free one, which Server.Addr tells.
	// Connections are encrypted where the data directory has server.crt and server.key and Settings or postgresql.conf say
	// ssl = on, and a client asks for it; a hostssl line in pg_hba.conf makes it ask. Otherwise an address other than a
	// loopback one shows SQL and data to the network. Default: none.
	Listen string

	// Superuser is the first role of a new cluster, and the user of ConnString. Default "postgres".
	Superuser string

	// Password is the superuser's in a new cluster, and the one in ConnString. Start does not change the
	// password of an existing cluster. Default: for a new cluster a random one, else none.
	Password string

	// Database is made in a new cluster, and is ConnString's default. Default "postgres", which every
	// cluster has.
	Database string

	// LocaleProvider and Locale say how the databases of a new cluster sort and classify text, where a column or
	// an expression has no COLLATE of its own. Provider "builtin" has the locales "C", "C.UTF-8" and
	// "PG_UNICODE_FAST", which sort by code points. Provider "icu" sorts as people of a language expect, and has
	// those of the world's languages, named by tags such as "de", "sv-SE" or "en-u-kn-true"; "und" is for none in
	// particular. Indexes on text then depend on ICU's version (docs/collations.md). An existing cluster keeps
	// what it has. Default "builtin" and "C.UTF-8"; with "icu" Locale must be given.
	LocaleProvider string
	Locale         string

	// Settings are added to those of the data directory's postgresql.conf, and win over it. ALTER SYSTEM of one of them is
	// refused, as it would have no effect. Those that other servers of the same data must know, a standby among them
	// (max_connections, wal_level ...), are also written to embeddedpg.conf in the data directory, which postgresql.conf
	// then includes. Those that decide how the server and this program meet (port, listen_addresses, logging_collector ...)
	// are refused, and so are values that 32-bit memory has no room for (docs/limits.md); where such a value stands in the
	// data directory's files, it is lowered with a warning in the log. "fsync": "off" makes a crash lose or corrupt data.
	// Default: none.
	Settings map[string]string

	// Mounts are host directories that the server may use besides its data directory: COPY and
	// pg_read_file reach their files. Default: none.
	Mounts []Mount

	// ExtensionDirs are host directories with extensions that were built as side modules: NAME.so, NAME.control
	// and their SQL files, all in one folder, which the server can only read. CREATE EXTENSION and
	// shared_preload_libraries find them, before built-in ones of the same name. A module can do whatever
	// the server can; one with native code, whatever this program can. Unless all have some, wasmtime runs the
	// server (Server.Engine). docs/extension-modules.md tells how they are built. Default: none.
	ExtensionDirs []string

	// Extensions are such folders within the program: an embed.FS or a zip archive, for example, with the files in its top
	// folder; those of extensions/pack are ready to use. They come behind ExtensionDirs. Nothing is read of one that is
	// not looked into, except that every module is read at the start to see whether it has native code, unless the value has
	// a method HasNativeCode() bool that says so. A module is trusted as this program's own code is. With ChildProcess they are
	// given to ChildMain. Default: none.
	Extensions []fs.FS

	// Outgoing names the networks that the server may connect to, as a client of other servers (dblink, postgres_fdw,
	// subscriptions, a standby): "10.0.0.0/8, ::1/128", or "none". Names are looked up at the machine's name servers, which
	// must be among them then. Default: all but link-local addresses and fd00:ec2::254, where cloud machines have their
	// metadata.
	Outgoing string

	// SessionMemory is how much private memory one session may take, in bytes; the same for autovacuum and background workers. A
	// statement that needs more fails with SQLSTATE 53200 (out_of_memory), and no other session notices. Shared memory
	// (shared_buffers) is not counted, and the processes that all sessions depend on have no limit. At least 32 MiB;
	// sorts of large tables take 128 MiB with the default work_mem. Default 2.5 GiB, as much as the address space holds.
	SessionMemory int64

	// ArchiveDir is a directory that gets a copy of each finished segment (16 MB) of the write-ahead log, by PostgreSQL's
	// basic_archive. With a base backup it is what RestoreBase needs to go back to a moment. It is made, with mode
	// 0700, if it does not exist. Clusters must not share one, and every SQL superuser can read and write its files.
	// Default: nothing is archived.
	ArchiveDir string

	// TimeZoneDir is a directory of compiled zone files to use in place of the built-in ones, such as /usr/share/zoneinfo:
	// then time zones are those of the system and change with its updates. An index or a partition by values that a zone
	// has shaped (AT TIME ZONE in an expression) may need REINDEX after a change. Default: the built-in ones, the world's
	// at the time of this module's release with their history before 1970.
	TimeZoneDir string

	// Log receives the server's log, one record a message, with the attributes pid, sqlstate, backend,
	// database, user, application, detail, hint, context and statement as they apply. Levels: LOG is
	// Info, FATAL Error+4, PANIC Error+8. Statements in it may contain data. Default: dropped.
	Log slog.Handler

	// CacheDir keeps the programs' machine code, 20 to 60 MB; it must belong to this user and nobody else may write
	// it. Default: .nself/cache in the home directory.
	CacheDir string

	// ServerModule is the path of a postgres.wasm to run in place of the embedded one, as this project's make
	// wasm builds it. It must suit the embedded kernel and files; one that asks the kernel for anything
	// else is refused. It runs in the same sandbox. Default: the embedded one.
	ServerModule string

	// Progress is called during Start when a stage begins, and several times a second while code is
	// compiled; never twice at once, and not after Start has returned. It must not block. Default: none.
	Progress func(Progress)

	// ChildProcess runs the server in a process of its own, made of this program: then neither takes processor time
	// or memory from the other's Go runtime, a crash of one is not the other's, and the server shuts down when
	// this program ends, however it does. Connections by Dial are sockets then. The program must call ChildMain
	// first. Default: in this process.
	ChildProcess bool

	// ShutdownTimeout is how long Close waits for the sessions' end and the last checkpoint, before it stops the server
	// as a crash would. Default 60 s; a negative one is refused.
	ShutdownTimeout time.Duration
}

// Mount makes a directory of the host visible to the server, as a volume does for a container. Every SQL
// superuser can then read its files and, unless it is ReadOnly, write them.
type Mount struct {
	Host     string // directory of the host; must exist
	Guest    string // its absolute path for the server, such as /mnt/files; none that the server needs itself, as /pgsql
	ReadOnly bool   // the server can only read it; default: it can write too
}

// Progress tells where Start is.
type Progress struct {
	Stage   Stage
	Elapsed time.Duration // since the stage began
}

// Stage is a part of Start.
type Stage string

// The stages, in the order in which they may come.
const (
	StageCompile Stage = "compile" // once per machine and version: some seconds
	StageCreate  Stage = "create"  // of a new cluster: about half a second; a copy takes less
	StageStart   Stage = "start"   // milliseconds, or longer if the server recovers from a crash
)

// Defaults of Config.
const (
	defaultPort            = 5432
	defaultSuperuser       = "postgres"
	defaultDatabase        = "postgres"
	defaultSocketMode      = 0o600
	defaultShutdownTimeout = time.Minute
)

// SessionMemory's limits. A session of PostgreSQL's own defaults takes some MiB, beside work_mem (4 MB) for each sort or hash; 2.5 GiB
// is what the address space of a guest holds above its arena and data.
const (
	minSessionMemory = 32 << 20
	maxSessionMemory = 5 << 29
)

// nameDataLen is the room for a name with its terminating zero: NAMEDATALEN in src/include/pg_config_manual.h.
const nameDataLen = 64

// complete returns a copy of c with the defaults filled in, or says what is wrong with it.
func (c Config) complete() (Config, error) {
	c.Settings = maps.Clone(c.Settings)
	c.Mounts = slices.Clone(c.Mounts)
	c.ExtensionDirs = slices.Clone(c.ExtensionDirs)
	c.Extensions = slices.Clone(c.Extensions)
	fill(&c.Superuser, defaultSuperuser)
	fill(&c.Database, defaultDatabase)
	fill(&c.Port, defaultPort)
	fill(&c.SocketMode, defaultSocketMode)
	fill(&c.ShutdownTimeout, defaultShutdownTimeout)
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}

	if c.Port < 1 || c.Port > 65535 {
		return c, &Error{Op: "use Config.Port", Err: fmt.Errorf("%d is not a port number", c.Port), Hint: "use 1 to 65535; leave it 0 for 5432"}
	}
	if _, err := cluster.Outgoing(c.Outgoing); err != nil {
		return c, &Error{Op: "use Config.Outgoing", Err: err, Hint: "list networks such as 10.0.0.0/8, or use none"}
	}
	if c.SessionMemory != 0 && (c.SessionMemory < minSessionMemory || c.SessionMemory > maxSessionMemory) {
		return c, &Error{
			Op: "use Config.SessionMemory", Err: fmt.Errorf("%d bytes are not from %d to %d", c.SessionMemory, int64(minSessionMemory), int64(maxSessionMemory)),
			Hint: "use 32 MiB to 2.5 GiB; leave it 0 for 2.5 GiB",
		}
	}
	if c.ChildProcess && len(c.Extensions) > 0 {
		return c, &Error{
			Op: "use Config.Extensions", Err: errors.New("file systems of this program cannot be sent to the child process"),
			Hint: "give them to embeddedpg.ChildMain, which the child process calls too",
		}
	}
	if c.ShutdownTimeout < 0 {
		return c, &Error{Op: "use Config.ShutdownTimeout", Err: errors.New("it is negative")}
	}
	for _, n := range []struct{ field, name string }{{"Superuser", c.Superuser}, {"Database", c.Database}} {
		if err := checkName(n.name); err != nil {
			return c, &Error{Op: "use Config." + n.field, Path: n.name, Err: err}
		}
	}
	if strings.HasPrefix(c.Superuser, "pg_") {
		return c, &Error{Op: "use Config.Superuser", Path: c.Superuser, Err: errors.New("names of roles that begin with pg_ are PostgreSQL's own")}
	}
	if err := c.completeLocale(); err != nil {
		return c, err
	}
	if strings.ContainsAny(c.Password, "\x00\r\n") {
		return c, &Error{Op: "use Config.Password", Err: errors.New("it contains a line break or a zero byte")}
	}
	if err := cluster.CheckSettings(c.Settings); err != nil {
		return c, err
	}
	for _, m := range c.Mounts {
		if err := cluster.CheckMount(cluster.Mount(m)); err != nil {
			return c, err
		}
	}
	if c.SocketDir != "" {
		if err := listen.CheckSocketDir(c.SocketDir, c.Port); err != nil {
			return c, err
		}
	}
	return c, nil
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func checkName(name string) error {
	switch {
	case len(name) >= nameDataLen:
		return fmt.Errorf("it has %d bytes, and a name has at most %d", len(name), nameDataLen-1)
	case strings.ContainsAny(name, "\x00\r\n"):
		return errors.New("it contains a line break or a zero byte")
	}
	return nil
}

// newPassword returns a random password of 26 characters, which is 130 bits.
func newPassword() string { return rand.Text() }
