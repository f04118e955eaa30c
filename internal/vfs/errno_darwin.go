package vfs

import "syscall"

// hostErrnos has what only macOS and the BSDs have, or have as a second number.
var hostErrnos = map[syscall.Errno]int32{
	syscall.ENOTBLK:         15,
	syscall.ETXTBSY:         26,
	syscall.EIDRM:           43,
	syscall.EPROTO:          71,
	syscall.EBADMSG:         74,
	syscall.ESOCKTNOSUPPORT: 94,
	syscall.ENOTSUP:         95,
	syscall.ESHUTDOWN:       108,
	syscall.ETOOMANYREFS:    109,
	syscall.EOWNERDEAD:      130,
	syscall.ENOTRECOVERABLE: 131,
	syscall.ENOATTR:         61, // ENODATA
}
