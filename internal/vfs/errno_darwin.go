package vfs

import (
	"syscall"

	"nself.org/embeddedpg/internal/abi"
)

// hostErrnos has what only macOS and the BSDs have, or have as a second number.
var hostErrnos = map[syscall.Errno]abi.Errno{
	syscall.ENOTBLK:         abi.ENOTBLK,
	syscall.ETXTBSY:         abi.ETXTBSY,
	syscall.EIDRM:           abi.EIDRM,
	syscall.EPROTO:          abi.EPROTO,
	syscall.EBADMSG:         abi.EBADMSG,
	syscall.ESOCKTNOSUPPORT: abi.ESOCKTNOSUPPORT,
	syscall.ENOTSUP:         abi.EOPNOTSUPP,
	syscall.ESHUTDOWN:       abi.ESHUTDOWN,
	syscall.ETOOMANYREFS:    abi.ETOOMANYREFS,
	syscall.EOWNERDEAD:      abi.EOWNERDEAD,
	syscall.ENOTRECOVERABLE: abi.ENOTRECOVERABLE,
	syscall.ENOATTR:         abi.ENODATA, // ENODATA
}
