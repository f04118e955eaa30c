//go:build !linux

package vfs

import "syscall"

// linuxErrno translates the numbers of the host. One that Linux does not know
// becomes EIO.
func linuxErrno(e syscall.Errno) int32 {
	if n, ok := errnos[e]; ok {
		return n
	}
	if n, ok := hostErrnos[e]; ok {
		return n
	}
	return linuxEIO
}

// errnos has the names that every host knows. The numbers are those of Linux's
// include/uapi/asm-generic/errno-base.h and errno.h.
var errnos = map[syscall.Errno]int32{
	syscall.EPERM:           1,
	syscall.ENOENT:          2,
	syscall.ESRCH:           3,
	syscall.EINTR:           4,
	syscall.EIO:             5,
	syscall.ENXIO:           6,
	syscall.E2BIG:           7,
	syscall.ENOEXEC:         8,
	syscall.EBADF:           9,
	syscall.ECHILD:          10,
	syscall.EAGAIN:          11,
	syscall.ENOMEM:          12,
	syscall.EACCES:          13,
	syscall.EFAULT:          14,
	syscall.EBUSY:           16,
	syscall.EEXIST:          17,
	syscall.EXDEV:           18,
	syscall.ENODEV:          19,
	syscall.ENOTDIR:         20,
	syscall.EISDIR:          21,
	syscall.EINVAL:          22,
	syscall.ENFILE:          23,
	syscall.EMFILE:          24,
	syscall.ENOTTY:          25,
	syscall.EFBIG:           27,
	syscall.ENOSPC:          28,
	syscall.ESPIPE:          29,
	syscall.EROFS:           30,
	syscall.EMLINK:          31,
	syscall.EPIPE:           32,
	syscall.EDOM:            33,
	syscall.ERANGE:          34,
	syscall.EDEADLK:         35,
	syscall.ENAMETOOLONG:    36,
	syscall.ENOLCK:          37,
	syscall.ENOSYS:          38,
	syscall.ENOTEMPTY:       39,
	syscall.ELOOP:           40,
	syscall.EOVERFLOW:       75,
	syscall.EILSEQ:          84,
	syscall.EUSERS:          87,
	syscall.ENOTSOCK:        88,
	syscall.EDESTADDRREQ:    89,
	syscall.EMSGSIZE:        90,
	syscall.EPROTOTYPE:      91,
	syscall.ENOPROTOOPT:     92,
	syscall.EPROTONOSUPPORT: 93,
	syscall.EOPNOTSUPP:      95,
	syscall.EPFNOSUPPORT:    96,
	syscall.EAFNOSUPPORT:    97,
	syscall.EADDRINUSE:      98,
	syscall.EADDRNOTAVAIL:   99,
	syscall.ENETDOWN:        100,
	syscall.ENETUNREACH:     101,
	syscall.ENETRESET:       102,
	syscall.ECONNABORTED:    103,
	syscall.ECONNRESET:      104,
	syscall.ENOBUFS:         105,
	syscall.EISCONN:         106,
	syscall.ENOTCONN:        107,
	syscall.ETIMEDOUT:       110,
	syscall.ECONNREFUSED:    111,
	syscall.EHOSTDOWN:       112,
	syscall.EHOSTUNREACH:    113,
	syscall.EALREADY:        114,
	syscall.EINPROGRESS:     115,
	syscall.ESTALE:          116,
	syscall.EDQUOT:          122,
	syscall.ECANCELED:       125,
}
