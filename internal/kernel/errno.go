package kernel

// Error numbers of Linux's generic <asm-generic/errno.h>, as far as the kernel itself returns them.
const (
	EPERM         = 1
	ENOENT        = 2
	ESRCH         = 3
	EINTR         = 4
	EIO           = 5
	ENOEXEC       = 8
	EBADF         = 9
	ECHILD        = 10
	EAGAIN        = 11
	ENOMEM        = 12
	EACCES        = 13
	EFAULT        = 14
	EEXIST        = 17
	ENODEV        = 19
	ENXIO         = 6
	ENOTDIR       = 20
	EISDIR        = 21
	EINVAL        = 22
	EMFILE        = 24
	ENOTTY        = 25
	ENOSPC        = 28
	ESPIPE        = 29
	EROFS         = 30
	ERANGE        = 34
	ENAMETOOLONG  = 36
	ENOSYS        = 38
	ENOTSOCK      = 88
	ENOPROTOOPT   = 92
	EOPNOTSUPP    = 95
	EAFNOSUPPORT  = 97
	EADDRINUSE    = 98
	EADDRNOTAVAIL = 99
	EISCONN       = 106
	ENOTCONN      = 107
	ETIMEDOUT     = 110
	ECONNREFUSED  = 111
	EINPROGRESS   = 115
)
