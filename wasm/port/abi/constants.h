/*
 * The numbers that system calls and their structures take, by their names in C.
 * As in structs.h they are the contract: check.c asserts them against the
 * headers when libc is built, and wasm/abi.sh turns the same lines into Go
 * (internal/abi) and C (internal/vm/abi_gen.h). Error numbers and the numbers of
 * system calls are not here, but taken from musl's own tables.
 *
 *	C(NAME, number)
 *
 * What no header that check.c includes declares is spelled out there.
 */

/* fcntl.h: open */
C(O_RDONLY, 0)
C(O_WRONLY, 01)
C(O_RDWR, 02)
C(O_ACCMODE, 03)
C(O_CREAT, 0100)
C(O_EXCL, 0200)
C(O_NOCTTY, 0400)
C(O_TRUNC, 01000)
C(O_APPEND, 02000)
C(O_NONBLOCK, 04000)
C(O_DSYNC, 010000)
C(O_ASYNC, 020000)
C(O_DIRECT, 040000)
C(O_LARGEFILE, 0100000)
C(O_DIRECTORY, 0200000)
C(O_NOFOLLOW, 0400000)
C(O_NOATIME, 01000000)
C(O_CLOEXEC, 02000000)
C(O_SYNC, 04010000)
C(O_PATH, 010000000)
C(O_TMPFILE, 020200000)

/* fcntl.h: fcntl and the calls that end in at */
C(F_DUPFD, 0)
C(F_GETFD, 1)
C(F_SETFD, 2)
C(F_GETFL, 3)
C(F_SETFL, 4)
C(F_DUPFD_CLOEXEC, 1030)
C(FD_CLOEXEC, 1)
C(AT_FDCWD, -100)
C(AT_SYMLINK_NOFOLLOW, 0x100)
C(AT_REMOVEDIR, 0x200)
C(AT_EMPTY_PATH, 0x1000)

/* unistd.h, sys/uio.h */
C(X_OK, 1)
C(W_OK, 2)
C(SEEK_SET, 0)
C(SEEK_CUR, 1)
C(SEEK_END, 2)
C(SEEK_DATA, 3)
C(SEEK_HOLE, 4)
C(RWF_NOAPPEND, 0x20)

/* sys/stat.h, dirent.h */
C(S_IFMT, 0170000)
C(S_IFSOCK, 0140000)
C(S_IFLNK, 0120000)
C(S_IFREG, 0100000)
C(S_IFBLK, 060000)
C(S_IFDIR, 040000)
C(S_IFCHR, 020000)
C(S_IFIFO, 010000)
C(S_ISUID, 04000)
C(S_ISGID, 02000)
C(S_ISVTX, 01000)
C(STATX_BASIC_STATS, 0x7ff)
C(UTIME_NOW, 0x3fffffff)
C(UTIME_OMIT, 0x3ffffffe)
C(DT_UNKNOWN, 0)
C(DT_FIFO, 1)
C(DT_CHR, 2)
C(DT_DIR, 4)
C(DT_BLK, 6)
C(DT_REG, 8)
C(DT_LNK, 10)
C(DT_SOCK, 12)

/* limits.h: NAME_MAX without the NUL, PATH_MAX with it */
C(NAME_MAX, 255)
C(PATH_MAX, 4096)

/* signal.h, sys/wait.h */
C(SIGINT, 2)
C(SIGQUIT, 3)
C(SIGKILL, 9)
C(SIGUSR1, 10)
C(SIGSEGV, 11)
C(SIGALRM, 14)
C(SIGCHLD, 17)
C(WNOHANG, 1)

/* time.h, sys/time.h */
C(CLOCK_REALTIME, 0)
C(CLOCK_MONOTONIC, 1)
C(CLOCK_PROCESS_CPUTIME_ID, 2)
C(CLOCK_THREAD_CPUTIME_ID, 3)
C(CLOCK_MONOTONIC_RAW, 4)
C(CLOCK_REALTIME_COARSE, 5)
C(CLOCK_MONOTONIC_COARSE, 6)
C(CLOCK_BOOTTIME, 7)
C(TIMER_ABSTIME, 1)
C(ITIMER_REAL, 0)

/* poll.h, sys/select.h */
C(POLLIN, 0x1)
C(POLLPRI, 0x2)
C(POLLOUT, 0x4)
C(POLLERR, 0x8)
C(POLLHUP, 0x10)
C(POLLNVAL, 0x20)
C(FD_SETSIZE, 1024)

/* futex.h of musl's src/internal */
C(FUTEX_WAIT, 0)
C(FUTEX_WAKE, 1)
C(FUTEX_PRIVATE, 128)
C(FUTEX_CLOCK_REALTIME, 256)

/* sys/prctl.h, sys/resource.h, sys/auxv.h */
C(PR_SET_PDEATHSIG, 1)
C(PR_SET_NAME, 15)
C(RLIMIT_STACK, 3)
C(RLIMIT_NOFILE, 7)
C(RUSAGE_CHILDREN, -1)
C(AT_NULL, 0)
C(AT_PAGESZ, 6)
C(AT_HWCAP, 16)
C(GUEST_HWCAP_TSO, 1)

/* sys/mman.h, sys/ipc.h, sys/shm.h */
C(MAP_SHARED, 0x01)
C(MAP_ANONYMOUS, 0x20)
C(IPC_CREAT, 01000)
C(IPC_EXCL, 02000)
C(IPC_RMID, 0)
C(IPC_STAT, 0x102)
C(IPC_TIME64, 0x100)

/* sys/ioctl.h */
C(TCGETS, 0x5401)
C(TCSETS, 0x5402)
C(TCSETSW, 0x5403)
C(TCSETSF, 0x5404)
C(TIOCGPGRP, 0x540f)
C(TIOCGWINSZ, 0x5413)

/* sys/socket.h, netinet/tcp.h */
C(AF_UNIX, 1)
C(AF_INET, 2)
C(AF_INET6, 10)
C(SOCK_STREAM, 1)
C(SOCK_DGRAM, 2)
C(SOCK_CLOEXEC, 02000000)
C(SOCK_NONBLOCK, 04000)
C(MSG_PEEK, 0x2)
C(MSG_TRUNC, 0x20)
C(MSG_DONTWAIT, 0x40)
C(MSG_NOSIGNAL, 0x4000)
C(SOL_SOCKET, 1)
C(SO_REUSEADDR, 2)
C(SO_TYPE, 3)
C(SO_ERROR, 4)
C(SO_SNDBUF, 7)
C(SO_RCVBUF, 8)
C(SO_KEEPALIVE, 9)
C(IPPROTO_TCP, 6)
C(TCP_NODELAY, 1)
C(TCP_KEEPIDLE, 4)
C(TCP_KEEPINTVL, 5)
C(TCP_KEEPCNT, 6)
C(TCP_USER_TIMEOUT, 18)
