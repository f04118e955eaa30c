package vfs

import (
	"syscall"

	"golang.org/x/sys/windows"

	"nself.org/embeddedpg/internal/abi"
)

// hostErrnos has the numbers that Windows itself returns. Those of package
// syscall with POSIX names are Go's invention and stand in errnos.
var hostErrnos = map[syscall.Errno]abi.Errno{
	windows.ERROR_FILE_NOT_FOUND:       abi.ENOENT,
	windows.ERROR_PATH_NOT_FOUND:       abi.ENOENT,
	windows.ERROR_TOO_MANY_OPEN_FILES:  abi.EMFILE,
	windows.ERROR_ACCESS_DENIED:        abi.EACCES,
	windows.ERROR_INVALID_HANDLE:       abi.EBADF,
	windows.ERROR_NOT_ENOUGH_MEMORY:    abi.ENOMEM,
	windows.ERROR_OUTOFMEMORY:          abi.ENOMEM,
	windows.ERROR_NOT_SAME_DEVICE:      abi.EXDEV,
	windows.ERROR_WRITE_PROTECT:        abi.EROFS,
	windows.ERROR_SHARING_VIOLATION:    abi.EBUSY,
	windows.ERROR_LOCK_VIOLATION:       abi.EBUSY,
	windows.ERROR_HANDLE_DISK_FULL:     abi.ENOSPC,
	windows.ERROR_DISK_FULL:            abi.ENOSPC,
	windows.ERROR_NOT_SUPPORTED:        abi.EOPNOTSUPP,
	windows.ERROR_FILE_EXISTS:          abi.EEXIST,
	windows.ERROR_ALREADY_EXISTS:       abi.EEXIST,
	windows.ERROR_INVALID_PARAMETER:    abi.EINVAL,
	windows.ERROR_INVALID_NAME:         abi.EINVAL,
	windows.ERROR_BROKEN_PIPE:          abi.EPIPE,
	windows.ERROR_DIR_NOT_EMPTY:        abi.ENOTEMPTY,
	windows.ERROR_BUSY:                 abi.EBUSY,
	windows.ERROR_FILENAME_EXCED_RANGE: abi.ENAMETOOLONG,
	windows.ERROR_DIRECTORY:            abi.ENOTDIR,
}
