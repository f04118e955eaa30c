//go:build !linux

package vfs

import (
	"syscall"

	"nself.org/embeddedpg/internal/abi"
)

// linuxErrno translates the numbers of the host. One that Linux does not know
// becomes EIO.
func linuxErrno(e syscall.Errno) abi.Errno {
	if n, ok := errnos[e]; ok {
		return n
	}
	if n, ok := hostErrnos[e]; ok {
		return n
	}
	return abi.EIO
}

// errnos has the names that every host knows. The numbers are those of Linux's
// include/uapi/asm-generic/errno-base.h and errno.h.
var errnos = map[syscall.Errno]abi.Errno{
	syscall.EPERM:           abi.EPERM,
	syscall.ENOENT:          abi.ENOENT,
	syscall.ESRCH:           abi.ESRCH,
	syscall.EINTR:           abi.EINTR,
	syscall.EIO:             abi.EIO,
	syscall.ENXIO:           abi.ENXIO,
	syscall.E2BIG:           abi.E2BIG,
	syscall.ENOEXEC:         abi.ENOEXEC,
	syscall.EBADF:           abi.EBADF,
	syscall.ECHILD:          abi.ECHILD,
	syscall.EAGAIN:          abi.EAGAIN,
	syscall.ENOMEM:          abi.ENOMEM,
	syscall.EACCES:          abi.EACCES,
	syscall.EFAULT:          abi.EFAULT,
	syscall.EBUSY:           abi.EBUSY,
	syscall.EEXIST:          abi.EEXIST,
	syscall.EXDEV:           abi.EXDEV,
	syscall.ENODEV:          abi.ENODEV,
	syscall.ENOTDIR:         abi.ENOTDIR,
	syscall.EISDIR:          abi.EISDIR,
	syscall.EINVAL:          abi.EINVAL,
	syscall.ENFILE:          abi.ENFILE,
	syscall.EMFILE:          abi.EMFILE,
	syscall.ENOTTY:          abi.ENOTTY,
	syscall.EFBIG:           abi.EFBIG,
	syscall.ENOSPC:          abi.ENOSPC,
	syscall.ESPIPE:          abi.ESPIPE,
	syscall.EROFS:           abi.EROFS,
	syscall.EMLINK:          abi.EMLINK,
	syscall.EPIPE:           abi.EPIPE,
	syscall.EDOM:            abi.EDOM,
	syscall.ERANGE:          abi.ERANGE,
	syscall.EDEADLK:         abi.EDEADLK,
	syscall.ENAMETOOLONG:    abi.ENAMETOOLONG,
	syscall.ENOLCK:          abi.ENOLCK,
	syscall.ENOSYS:          abi.ENOSYS,
	syscall.ENOTEMPTY:       abi.ENOTEMPTY,
	syscall.ELOOP:           abi.ELOOP,
	syscall.EOVERFLOW:       abi.EOVERFLOW,
	syscall.EILSEQ:          abi.EILSEQ,
	syscall.EUSERS:          abi.EUSERS,
	syscall.ENOTSOCK:        abi.ENOTSOCK,
	syscall.EDESTADDRREQ:    abi.EDESTADDRREQ,
	syscall.EMSGSIZE:        abi.EMSGSIZE,
	syscall.EPROTOTYPE:      abi.EPROTOTYPE,
	syscall.ENOPROTOOPT:     abi.ENOPROTOOPT,
	syscall.EPROTONOSUPPORT: abi.EPROTONOSUPPORT,
	syscall.EOPNOTSUPP:      abi.EOPNOTSUPP,
	syscall.EPFNOSUPPORT:    abi.EPFNOSUPPORT,
	syscall.EAFNOSUPPORT:    abi.EAFNOSUPPORT,
	syscall.EADDRINUSE:      abi.EADDRINUSE,
	syscall.EADDRNOTAVAIL:   abi.EADDRNOTAVAIL,
	syscall.ENETDOWN:        abi.ENETDOWN,
	syscall.ENETUNREACH:     abi.ENETUNREACH,
	syscall.ENETRESET:       abi.ENETRESET,
	syscall.ECONNABORTED:    abi.ECONNABORTED,
	syscall.ECONNRESET:      abi.ECONNRESET,
	syscall.ENOBUFS:         abi.ENOBUFS,
	syscall.EISCONN:         abi.EISCONN,
	syscall.ENOTCONN:        abi.ENOTCONN,
	syscall.ETIMEDOUT:       abi.ETIMEDOUT,
	syscall.ECONNREFUSED:    abi.ECONNREFUSED,
	syscall.EHOSTDOWN:       abi.EHOSTDOWN,
	syscall.EHOSTUNREACH:    abi.EHOSTUNREACH,
	syscall.EALREADY:        abi.EALREADY,
	syscall.EINPROGRESS:     abi.EINPROGRESS,
	syscall.ESTALE:          abi.ESTALE,
	syscall.EDQUOT:          abi.EDQUOT,
	syscall.ECANCELED:       abi.ECANCELED,
}
