package vfs

import (
	"bytes"
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// hostWhence is indexed by the guest's whence.
var hostWhence = [...]int{unix.SEEK_SET, unix.SEEK_CUR, unix.SEEK_END, unix.SEEK_DATA, unix.SEEK_HOLE}

// directFlag is what O_DIRECT becomes; its number differs between architectures.
const directFlag = unix.O_DIRECT

// afterOpen has nothing to do: O_DIRECT is a flag of open.
func afterOpen(int, int) error { return nil }

func syncFd(fd int, dataOnly bool) error {
	if dataOnly {
		return unix.Fdatasync(fd)
	}
	return unix.Fsync(fd)
}

func allocate(fd int, off, n int64) error {
	return retry(func() error { return unix.Fallocate(fd, 0, off, n) })
}

func statOf(st *unix.Stat_t) Stat {
	return Stat{
		Dev: st.Dev, Ino: st.Ino, Mode: st.Mode, Nlink: uint32(st.Nlink),
		Size: st.Size, Blocks: st.Blocks, Blksize: uint32(st.Blksize), Rdev: st.Rdev,
		Atime: time.Unix(st.Atim.Unix()), Mtime: time.Unix(st.Mtim.Unix()), Ctime: time.Unix(st.Ctim.Unix()),
	}
}

// appendEntries reads records of struct linux_dirent64 (Linux's
// include/linux/dirent.h): ino u64, off s64, reclen u16, type u8, name.
func appendEntries(list []DirEntry, buf []byte) []DirEntry {
	const nameOffset = 19
	for len(buf) >= nameOffset {
		size := int(binary.NativeEndian.Uint16(buf[16:]))
		if size < nameOffset || size > len(buf) {
			break
		}
		name, _, _ := bytes.Cut(buf[nameOffset:size], []byte{0})
		if s := string(name); s != "." && s != ".." {
			list = append(list, DirEntry{Name: s, Ino: binary.NativeEndian.Uint64(buf), Type: buf[18]})
		}
		buf = buf[size:]
	}
	return list
}
