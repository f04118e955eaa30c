package vfs

import (
	"encoding/binary"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// hostWhence is indexed by the guest's whence; macOS has the last two swapped.
var hostWhence = [...]int{unix.SEEK_SET, unix.SEEK_CUR, unix.SEEK_END, unix.SEEK_DATA, unix.SEEK_HOLE}

// directFlag is 0: macOS has no O_DIRECT, afterOpen sets F_NOCACHE instead.
const directFlag = 0

func afterOpen(fd, flag int) error {
	if flag&O_DIRECT == 0 {
		return nil
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_NOCACHE, 1)
	return err
}

// syncFd asks the drive to empty its cache, which fsync does not do on macOS.
// Volumes that do not know F_FULLFSYNC (network ones) get fsync.
func syncFd(fd int, _ bool) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_FULLFSYNC, 0)
	if err == unix.ENOTSUP || err == unix.EINVAL || err == unix.ENOTTY {
		return unix.Fsync(fd)
	}
	return err
}

// allocate reserves space behind the end of the file and moves the end. It
// cannot tell the holes in front of the end, so there it promises nothing.
func allocate(fd int, off, n int64) error {
	if off < 0 || n <= 0 || off+n < 0 {
		return syscall.EINVAL
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if off < st.Size {
		return syscall.EOPNOTSUPP
	}
	store := unix.Fstore_t{
		Flags:   unix.F_ALLOCATEALL,
		Posmode: unix.F_PEOFPOSMODE,
		Length:  off + n - st.Size,
	}
	if err := retry(func() error { return unix.FcntlFstore(uintptr(fd), unix.F_PREALLOCATE, &store) }); err != nil {
		return err
	}
	return retry(func() error { return unix.Ftruncate(fd, off+n) })
}

func statOf(st *unix.Stat_t) Stat {
	return Stat{
		Dev: uint64(uint32(st.Dev)), Ino: st.Ino, Mode: uint32(st.Mode), Nlink: uint32(st.Nlink),
		Size: st.Size, Blocks: st.Blocks, Blksize: uint32(st.Blksize), Rdev: uint64(uint32(st.Rdev)),
		Atime: time.Unix(st.Atim.Unix()), Mtime: time.Unix(st.Mtim.Unix()), Ctime: time.Unix(st.Ctim.Unix()),
	}
}

// appendEntries reads records of struct dirent (macOS's sys/dirent.h, 64-bit
// inodes): ino u64, seekoff u64, reclen u16, namlen u16, type u8, name.
func appendEntries(list []DirEntry, buf []byte) []DirEntry {
	const nameOffset = 21
	for len(buf) >= nameOffset {
		size := int(binary.NativeEndian.Uint16(buf[16:]))
		length := int(binary.NativeEndian.Uint16(buf[18:]))
		if size < nameOffset+length || size > len(buf) {
			break
		}
		name := string(buf[nameOffset : nameOffset+length])
		if name != "." && name != ".." {
			list = append(list, DirEntry{Name: name, Ino: binary.NativeEndian.Uint64(buf), Type: buf[20]})
		}
		buf = buf[size:]
	}
	return list
}
