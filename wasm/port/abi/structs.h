/*
 * The structures that the kernel reads or writes in guest memory, and where
 * the fields lie that it knows. The numbers are the contract: check.c asserts
 * them against the headers when libc is built, and wasm/abi.sh turns the same
 * lines into Go (internal/abi) and C (internal/vm/abi_gen.h).
 *
 *	S(Name, type, size)
 *	F(Name, Field, type, field, offset)
 *
 * The types that no public header declares are spelled out in check.c.
 */

S(Timespec, struct timespec64, 16)
F(Timespec, Sec, struct timespec64, tv_sec, 0)
F(Timespec, Nsec, struct timespec64, tv_nsec, 8)

S(Itimerval, struct itimerval32, 16)
F(Itimerval, IntervalSec, struct itimerval32, interval_sec, 0)
F(Itimerval, IntervalUsec, struct itimerval32, interval_usec, 4)
F(Itimerval, ValueSec, struct itimerval32, value_sec, 8)
F(Itimerval, ValueUsec, struct itimerval32, value_usec, 12)

S(Statx, struct statx, 256)
F(Statx, Mask, struct statx, stx_mask, 0)
F(Statx, Blksize, struct statx, stx_blksize, 4)
F(Statx, Nlink, struct statx, stx_nlink, 16)
F(Statx, Uid, struct statx, stx_uid, 20)
F(Statx, Gid, struct statx, stx_gid, 24)
F(Statx, Mode, struct statx, stx_mode, 28)
F(Statx, Ino, struct statx, stx_ino, 32)
F(Statx, Size, struct statx, stx_size, 40)
F(Statx, Blocks, struct statx, stx_blocks, 48)
F(Statx, Atime, struct statx, stx_atime, 64)
F(Statx, Ctime, struct statx, stx_ctime, 96)
F(Statx, Mtime, struct statx, stx_mtime, 112)
F(Statx, RdevMajor, struct statx, stx_rdev_major, 128)
F(Statx, RdevMinor, struct statx, stx_rdev_minor, 132)
F(Statx, DevMajor, struct statx, stx_dev_major, 136)
F(Statx, DevMinor, struct statx, stx_dev_minor, 140)

F(StatxTimestamp, Sec, struct statx_timestamp, tv_sec, 0)
F(StatxTimestamp, Nsec, struct statx_timestamp, tv_nsec, 8)

F(Dirent, Ino, struct dirent, d_ino, 0)
F(Dirent, Off, struct dirent, d_off, 8)
F(Dirent, Reclen, struct dirent, d_reclen, 16)
F(Dirent, Type, struct dirent, d_type, 18)
F(Dirent, Name, struct dirent, d_name, 19)

S(Rlimit, struct rlimit, 16)
F(Rlimit, Cur, struct rlimit, rlim_cur, 0)
F(Rlimit, Max, struct rlimit, rlim_max, 8)

S(Rusage, struct rusage32, 72)
F(Rusage, UtimeSec, struct rusage32, utime_sec, 0)
F(Rusage, UtimeUsec, struct rusage32, utime_usec, 4)
F(Rusage, StimeSec, struct rusage32, stime_sec, 8)
F(Rusage, StimeUsec, struct rusage32, stime_usec, 12)

S(Sysinfo, struct sysinfo, 312)
F(Sysinfo, Uptime, struct sysinfo, uptime, 0)
F(Sysinfo, Totalram, struct sysinfo, totalram, 16)
F(Sysinfo, Freeram, struct sysinfo, freeram, 20)
F(Sysinfo, MemUnit, struct sysinfo, mem_unit, 52)

S(Utsname, struct utsname, 390)
F(Utsname, Sysname, struct utsname, sysname, 0)
F(Utsname, Nodename, struct utsname, nodename, 65)
F(Utsname, Release, struct utsname, release, 130)
F(Utsname, Version, struct utsname, version, 195)
F(Utsname, Machine, struct utsname, machine, 260)

S(Pollfd, struct pollfd, 8)
F(Pollfd, Fd, struct pollfd, fd, 0)
F(Pollfd, Events, struct pollfd, events, 4)
F(Pollfd, Revents, struct pollfd, revents, 6)

S(Iovec, struct iovec, 8)
F(Iovec, Base, struct iovec, iov_base, 0)
F(Iovec, Len, struct iovec, iov_len, 4)

S(Msghdr, struct msghdr, 28)
F(Msghdr, Name, struct msghdr, msg_name, 0)
F(Msghdr, Namelen, struct msghdr, msg_namelen, 4)
F(Msghdr, Iov, struct msghdr, msg_iov, 8)
F(Msghdr, Iovlen, struct msghdr, msg_iovlen, 12)
F(Msghdr, Controllen, struct msghdr, msg_controllen, 20)
F(Msghdr, Flags, struct msghdr, msg_flags, 24)

S(SockaddrUn, struct sockaddr_un, 110)
F(SockaddrUn, Family, struct sockaddr_un, sun_family, 0)
F(SockaddrUn, Path, struct sockaddr_un, sun_path, 2)

S(SockaddrIn, struct sockaddr_in, 16)
F(SockaddrIn, Port, struct sockaddr_in, sin_port, 2)
F(SockaddrIn, Addr, struct sockaddr_in, sin_addr, 4)

S(SockaddrIn6, struct sockaddr_in6, 28)
F(SockaddrIn6, Port, struct sockaddr_in6, sin6_port, 2)
F(SockaddrIn6, Addr, struct sockaddr_in6, sin6_addr, 8)
F(SockaddrIn6, ScopeId, struct sockaddr_in6, sin6_scope_id, 24)

F(IpcPerm, Key, struct ipc_perm, __key, 0)
F(IpcPerm, Uid, struct ipc_perm, uid, 4)
F(IpcPerm, Gid, struct ipc_perm, gid, 8)
F(IpcPerm, Cuid, struct ipc_perm, cuid, 12)
F(IpcPerm, Cgid, struct ipc_perm, cgid, 16)
F(IpcPerm, Mode, struct ipc_perm, mode, 20)

S(ShmidDs, struct shmid_ds, 112)
F(Shm, Segsz, struct shmid_ds, shm_segsz, 36)
F(Shm, Cpid, struct shmid_ds, shm_cpid, 64)
F(Shm, Nattch, struct shmid_ds, shm_nattch, 72)

S(Sigwords, struct sigwords, 8)
F(Sigwords, Pending, struct sigwords, pending, 0)
F(Sigwords, Blocked, struct sigwords, blocked, 4)
