/*
 * Asserts the numbers of constants.h and the layouts of structs.h, and spells
 * out the ones that musl keeps to itself: what goes through the system call,
 * where that differs from the public header.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "futex.h"
#include "guest_barrier.h"

/* shmctl's command: musl adds the flag to IPC_STAT for a 32-bit long (src/ipc/shmctl.c). */
#define IPC_TIME64 (IPC_STAT & 0x100)

/* Linux's: musl adds O_PATH, for O_SEARCH and O_EXEC. */
#undef O_ACCMODE
#define O_ACCMODE 03

/* A time in a system call whose number ends in time64 (and in futex). */
struct timespec64 {
	int64_t tv_sec;
	int64_t tv_nsec;
};

/* setitimer and getitimer never got a 64-bit form: src/signal/setitimer.c. */
struct itimerval32 {
	int32_t interval_sec, interval_usec, value_sec, value_usec;
};

/* getrusage and wait4, likewise: src/misc/getrusage.c. */
struct rusage32 {
	int32_t utime_sec, utime_usec, stime_sec, stime_usec;
	int32_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap;
	int32_t inblock, oublock, msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
};

/* The program's side of signals: src/signal.c, call SYS_sigreg. */
struct sigwords {
	uint32_t pending, blocked;
};

#define C(name, number) _Static_assert((long)(name) == (long)(number), #name);
#include "constants.h"

#define S(name, type, size) \
	_Static_assert(sizeof(type) == size, "size of " #type);
#define F(name, go, type, field, offset) \
	_Static_assert(offsetof(type, field) == offset, #type "." #field);
#include "structs.h"
