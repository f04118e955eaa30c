package vfs

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// hostErrnos has the numbers that Windows itself returns. Those of package
// syscall with POSIX names are Go's invention and stand in errnos.
var hostErrnos = map[syscall.Errno]int32{
	windows.ERROR_FILE_NOT_FOUND:       2,
	windows.ERROR_PATH_NOT_FOUND:       2,
	windows.ERROR_TOO_MANY_OPEN_FILES:  24,
	windows.ERROR_ACCESS_DENIED:        13,
	windows.ERROR_INVALID_HANDLE:       9,
	windows.ERROR_NOT_ENOUGH_MEMORY:    12,
	windows.ERROR_OUTOFMEMORY:          12,
	windows.ERROR_NOT_SAME_DEVICE:      18,
	windows.ERROR_WRITE_PROTECT:        30,
	windows.ERROR_SHARING_VIOLATION:    16,
	windows.ERROR_LOCK_VIOLATION:       16,
	windows.ERROR_HANDLE_DISK_FULL:     28,
	windows.ERROR_DISK_FULL:            28,
	windows.ERROR_NOT_SUPPORTED:        95,
	windows.ERROR_FILE_EXISTS:          17,
	windows.ERROR_ALREADY_EXISTS:       17,
	windows.ERROR_INVALID_PARAMETER:    22,
	windows.ERROR_INVALID_NAME:         22,
	windows.ERROR_BROKEN_PIPE:          32,
	windows.ERROR_DIR_NOT_EMPTY:        39,
	windows.ERROR_BUSY:                 16,
	windows.ERROR_FILENAME_EXCED_RANGE: 36,
	windows.ERROR_DIRECTORY:            20,
}
