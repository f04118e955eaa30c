package vfs

import "syscall"

// Flags of open, as the guest passes them on every host. The numbers are those
// of Linux's include/uapi/asm-generic/fcntl.h, which musl uses for riscv32.
const (
	O_RDONLY    = 0
	O_WRONLY    = 1
	O_RDWR      = 2
	O_ACCMODE   = 3
	O_CREAT     = 0o100
	O_EXCL      = 0o200
	O_NOCTTY    = 0o400
	O_TRUNC     = 0o1000
	O_APPEND    = 0o2000
	O_NONBLOCK  = 0o4000
	O_DSYNC     = 0o10000
	O_ASYNC     = 0o20000
	O_DIRECT    = 0o40000
	O_LARGEFILE = 0o100000
	O_DIRECTORY = 0o200000
	O_NOFOLLOW  = 0o400000
	O_NOATIME   = 0o1000000
	O_CLOEXEC   = 0o2000000
	O_SYNC      = 0o4000000 | O_DSYNC
	O_PATH      = 0o10000000
	O_TMPFILE   = 0o20000000 | O_DIRECTORY
)

// Types and permission bits of Stat.Mode: Linux's include/uapi/linux/stat.h.
const (
	S_IFMT   = 0o170000
	S_IFSOCK = 0o140000
	S_IFLNK  = 0o120000
	S_IFREG  = 0o100000
	S_IFBLK  = 0o060000
	S_IFDIR  = 0o040000
	S_IFCHR  = 0o020000
	S_IFIFO  = 0o010000
	S_ISUID  = 0o004000
	S_ISGID  = 0o002000
	S_ISVTX  = 0o001000
)

// Types of DirEntry: Linux's include/linux/fs_types.h. Each is the type bits of
// the mode, shifted right by 12.
const (
	DT_UNKNOWN = 0
	DT_FIFO    = 1
	DT_CHR     = 2
	DT_DIR     = 4
	DT_BLK     = 6
	DT_REG     = 8
	DT_LNK     = 10
	DT_SOCK    = 12
)

// Starting points of Seek. SEEK_DATA and SEEK_HOLE are EINVAL where the file
// system does not know its holes.
const (
	SEEK_SET  = 0
	SEEK_CUR  = 1
	SEEK_END  = 2
	SEEK_DATA = 3
	SEEK_HOLE = 4
)

// Limits of names in bytes: Linux's include/uapi/linux/limits.h, less the NUL.
const (
	NAME_MAX = 255
	PATH_MAX = 4095
)

// checkFlags refuses the flags of open that no file system of this package has.
func checkFlags(flag int) error {
	const tmpfile = O_TMPFILE &^ O_DIRECTORY
	switch {
	case flag&(O_PATH|tmpfile) != 0:
		return syscall.EOPNOTSUPP
	case flag&O_ACCMODE == O_ACCMODE:
		return syscall.EINVAL
	case flag&(O_CREAT|O_DIRECTORY) == O_CREAT|O_DIRECTORY:
		return syscall.EINVAL
	}
	return nil
}

// writes reports whether open with these flags asks for the right to write, or
// empties the file.
func writes(flag int) bool { return flag&O_ACCMODE != O_RDONLY || flag&O_TRUNC != 0 }
