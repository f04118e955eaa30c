package vfs

import (
	"syscall"

	"nself.org/embeddedpg/internal/abi"
)

// Flags of open, as the guest passes them on every host. The numbers are those
// of Linux's include/uapi/asm-generic/fcntl.h, which musl uses for riscv32.
const (
	O_RDONLY    = abi.O_RDONLY
	O_WRONLY    = abi.O_WRONLY
	O_RDWR      = abi.O_RDWR
	O_ACCMODE   = abi.O_ACCMODE
	O_CREAT     = abi.O_CREAT
	O_EXCL      = abi.O_EXCL
	O_NOCTTY    = abi.O_NOCTTY
	O_TRUNC     = abi.O_TRUNC
	O_APPEND    = abi.O_APPEND
	O_NONBLOCK  = abi.O_NONBLOCK
	O_DSYNC     = abi.O_DSYNC
	O_ASYNC     = abi.O_ASYNC
	O_DIRECT    = abi.O_DIRECT
	O_LARGEFILE = abi.O_LARGEFILE
	O_DIRECTORY = abi.O_DIRECTORY
	O_NOFOLLOW  = abi.O_NOFOLLOW
	O_NOATIME   = abi.O_NOATIME
	O_CLOEXEC   = abi.O_CLOEXEC
	O_SYNC      = abi.O_SYNC
	O_PATH      = abi.O_PATH
	O_TMPFILE   = abi.O_TMPFILE
)

// Types and permission bits of Stat.Mode: Linux's include/uapi/linux/stat.h.
const (
	S_IFMT   = abi.S_IFMT
	S_IFSOCK = abi.S_IFSOCK
	S_IFLNK  = abi.S_IFLNK
	S_IFREG  = abi.S_IFREG
	S_IFBLK  = abi.S_IFBLK
	S_IFDIR  = abi.S_IFDIR
	S_IFCHR  = abi.S_IFCHR
	S_IFIFO  = abi.S_IFIFO
	S_ISUID  = abi.S_ISUID
	S_ISGID  = abi.S_ISGID
	S_ISVTX  = abi.S_ISVTX
)

// Types of DirEntry: Linux's include/linux/fs_types.h. Each is the type bits of
// the mode, shifted right by 12.
const (
	DT_UNKNOWN = abi.DT_UNKNOWN
	DT_FIFO    = abi.DT_FIFO
	DT_CHR     = abi.DT_CHR
	DT_DIR     = abi.DT_DIR
	DT_BLK     = abi.DT_BLK
	DT_REG     = abi.DT_REG
	DT_LNK     = abi.DT_LNK
	DT_SOCK    = abi.DT_SOCK
)

// Starting points of Seek. SEEK_DATA and SEEK_HOLE are EINVAL where the file
// system does not know its holes.
const (
	SEEK_SET  = abi.SEEK_SET
	SEEK_CUR  = abi.SEEK_CUR
	SEEK_END  = abi.SEEK_END
	SEEK_DATA = abi.SEEK_DATA
	SEEK_HOLE = abi.SEEK_HOLE
)

// Limits of names in bytes: Linux's include/uapi/linux/limits.h, less the NUL.
const (
	NAME_MAX = abi.NAME_MAX
	PATH_MAX = abi.PATH_MAX - 1
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
