package kernel

import "nself.org/embeddedpg/internal/abi"

// call is a handler: it gets the process and the call's arguments, and returns a result or an error number.
type call func(*Process, *[6]int32) (int32, abi.Errno)

// callRow is one row of the table of calls.
type callRow struct {
	serve call
	fast  bool   // the C of package vm serves it too, where the descriptor is a plain one
	note  string // how far it is supported, and why not further; "" is wholly, as far as a guest can see
}

// calls is the system call table, by number. What is not in it is ENOSYS, and listed in docs/limits.md where a user can
// notice. docs/syscalls.md is made of it (go test -run TestSyscallsPage -update). Signal actions and masks, private memory
// and the like are served in the guest's libc, and never come here.
var calls = [...]callRow{
	abi.SYS_getcwd:                 {(*Process).getcwd, false, ""},
	abi.SYS_dup:                    {(*Process).dup, false, ""},
	abi.SYS_dup3:                   {(*Process).dup3, false, ""},
	abi.SYS_fcntl64:                {(*Process).fcntl, false, "F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL and F_DUPFD_CLOEXEC; no locks, which PostgreSQL does not take"},
	abi.SYS_ioctl:                  {(*Process).ioctl, false, "requests for a terminal that the process was given; ENOTTY for others"},
	abi.SYS_mkdirat:                {(*Process).mkdirat, false, ""},
	abi.SYS_unlinkat:               {(*Process).unlinkat, false, ""},
	abi.SYS_symlinkat:              {(*Process).symlinkat, false, ""},
	abi.SYS_linkat:                 {(*Process).linkat, false, "flags are ignored: the last name is never followed"},
	abi.SYS_truncate64:             {(*Process).truncate, false, ""},
	abi.SYS_ftruncate64:            {(*Process).ftruncate, false, ""},
	abi.SYS_fallocate:              {(*Process).fallocate, false, "without flags: PostgreSQL punches no holes"},
	abi.SYS_faccessat:              {(*Process).faccessat, false, "by the file's mode; the host has the last word when it is opened"},
	abi.SYS_chdir:                  {(*Process).chdir, false, ""},
	abi.SYS_fchmod:                 {(*Process).fchmod, false, ""},
	abi.SYS_fchmodat:               {(*Process).fchmodat, false, ""},
	abi.SYS_openat:                 {(*Process).openat, false, ""},
	abi.SYS_close:                  {(*Process).close, false, ""},
	abi.SYS_pipe2:                  {(*Process).pipe2, false, ""},
	abi.SYS_getdents64:             {(*Process).getdents, false, ""},
	abi.SYS__llseek:                {(*Process).llseek, true, ""},
	abi.SYS_read:                   {(*Process).read, true, ""},
	abi.SYS_write:                  {(*Process).write, true, ""},
	abi.SYS_readv:                  {(*Process).readv, true, ""},
	abi.SYS_writev:                 {(*Process).writev, true, ""},
	abi.SYS_pread64:                {(*Process).pread, true, ""},
	abi.SYS_pwrite64:               {(*Process).pwrite, true, ""},
	abi.SYS_preadv:                 {(*Process).preadv, true, ""},
	abi.SYS_pwritev:                {(*Process).pwritev, true, ""},
	abi.SYS_preadv2:                {(*Process).preadv2, true, "without flags; offset -1 is the file's own"},
	abi.SYS_pwritev2:               {(*Process).pwritev2, true, "without flags but RWF_NOAPPEND; offset -1 is the file's own"},
	abi.SYS_readlinkat:             {(*Process).readlinkat, false, ""},
	abi.SYS_fsync:                  {(*Process).fsync, true, ""},
	abi.SYS_fdatasync:              {(*Process).fdatasync, true, ""},
	abi.SYS_syncfs:                 {(*Process).syncfs, false, "Linux only"},
	abi.SYS_sync_file_range:        {(*Process).syncFileRange, true, "a hint; nothing on files that are not the host's"},
	abi.SYS_fadvise64_64:           {(*Process).fadvise, true, "a hint; nothing on files that are not the host's"},
	abi.SYS_copy_file_range:        {(*Process).copyFileRange, false, "at most 64 MiB in a call, so that a signal need not wait long"},
	abi.SYS_statx:                  {(*Process).statx, false, "basic fields; every file belongs to the one user there is"},
	abi.SYS_utimensat_time64:       {(*Process).utimensat, false, ""},
	abi.SYS_renameat2:              {(*Process).renameat2, false, "without flags (EINVAL): PostgreSQL falls back to link and unlink"},
	abi.SYS_umask:                  {(*Process).setUmask, false, ""},
	abi.SYS_exit:                   {(*Process).exitGroup, false, "as exit_group: a process is one thread"},
	abi.SYS_exit_group:             {(*Process).exitGroup, false, ""},
	abi.SYS_futex_time64:           {(*Process).futex, true, "FUTEX_WAIT and FUTEX_WAKE: all that musl uses in a process of one thread"},
	abi.SYS_rt_sigtimedwait_time64: {(*Process).sigtimedwait, false, "of siginfo_t only si_signo"},
	abi.SYS_ppoll_time64:           {(*Process).ppoll, true, "at most 1024 descriptors; the signal mask is libc's to set, so one here is ENOSYS"},
	abi.SYS_pselect6_time64:        {(*Process).pselect, false, "by ppoll; the signal mask is libc's to set"},
	abi.SYS_setitimer:              {(*Process).setitimer, false, "ITIMER_REAL"},
	abi.SYS_getitimer:              {(*Process).getitimer, false, "ITIMER_REAL"},
	abi.SYS_clock_gettime64:        {(*Process).clockGettime, true, "the clocks 0 to 7; processor time is the thread's"},
	abi.SYS_clock_getres_time64:    {(*Process).clockGetres, false, "1 ns for each"},
	abi.SYS_clock_nanosleep_time64: {(*Process).clockNanosleep, true, "CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_BOOTTIME"},
	abi.SYS_sched_yield:            {(*Process).schedYield, false, ""},
	abi.SYS_sched_getaffinity:      {(*Process).schedGetaffinity, false, "as many processors as Go uses; it cannot be set"},
	abi.SYS_kill:                   {(*Process).kill, true, "one process or a group; a process may signal every other"},
	abi.SYS_tkill:                  {(*Process).tkill, false, "as kill"},
	abi.SYS_tgkill:                 {(*Process).tgkill, false, "as kill"},
	abi.SYS_setpgid:                {(*Process).setpgid, false, ""},
	abi.SYS_getpgid:                {(*Process).getpgid, false, ""},
	abi.SYS_getsid:                 {(*Process).getpgid, false, "as getpgid: there are no sessions"},
	abi.SYS_setsid:                 {(*Process).setsid, false, "a group, no session"},
	abi.SYS_uname:                  {(*Process).uname, false, "Linux 6.0 on wasm32"},
	abi.SYS_getrusage:              {(*Process).getrusage, false, "processor time of the process; children's is 0"},
	abi.SYS_prlimit64:              {(*Process).prlimit, false, "tells limits; setting one is EPERM"},
	abi.SYS_prctl:                  {(*Process).prctl, false, "PR_SET_PDEATHSIG; PR_SET_NAME, which nothing shows"},
	abi.SYS_getpid:                 {(*Process).getpid, true, ""},
	abi.SYS_gettid:                 {(*Process).getpid, false, "as getpid: a process is one thread"},
	abi.SYS_getppid:                {(*Process).getppid, false, ""},
	abi.SYS_getuid:                 {(*Process).getuid, false, "one user: 1000"},
	abi.SYS_geteuid:                {(*Process).getuid, false, "as getuid"},
	abi.SYS_getgid:                 {(*Process).getuid, false, "as getuid"},
	abi.SYS_getegid:                {(*Process).getuid, false, "as getuid"},
	abi.SYS_sysinfo:                {(*Process).sysinfo, false, "memory and time since the start"},
	abi.SYS_getrandom:              {(*Process).getrandom, false, "at most 1 MiB in a call"},
	abi.SYS_shmget:                 {(*Process).shmget, false, "at most 64 segments"},
	abi.SYS_shmctl:                 {(*Process).shmctl, false, "IPC_RMID and IPC_STAT; no limits are told"},
	abi.SYS_shmat:                  {(*Process).shmat, false, ""},
	abi.SYS_shmdt:                  {(*Process).shmdt, false, ""},
	abi.SYS_mmap2:                  {(*Process).mmap2, false, "shared mappings, in the arena; private memory is libc's"},
	abi.SYS_munmap:                 {(*Process).munmap, false, "whole mappings"},
	abi.SYS_socket:                 {(*Process).socket, false, "AF_UNIX, AF_INET and AF_INET6, streams; datagrams for the resolver"},
	abi.SYS_socketpair:             {(*Process).socketpair, false, "AF_UNIX, streams"},
	abi.SYS_bind:                   {(*Process).bind, false, "a Unix socket's name, which is a plain file, or a datagram port; stream ports of the network are the program's to open (EACCES)"},
	abi.SYS_listen:                 {(*Process).listen, false, "Unix sockets: their queue is filled by the program and by connect"},
	abi.SYS_accept:                 {(*Process).accept, false, ""},
	abi.SYS_accept4:                {(*Process).accept4, false, ""},
	abi.SYS_connect:                {(*Process).connect, false, "listening processes, Unix sockets of the host that the program names, the network"},
	abi.SYS_getsockname:            {(*Process).getsockname, false, ""},
	abi.SYS_getpeername:            {(*Process).getpeername, false, ""},
	abi.SYS_sendto:                 {(*Process).sendto, true, "MSG_DONTWAIT and MSG_NOSIGNAL; SIGPIPE is never raised"},
	abi.SYS_recvfrom:               {(*Process).recvfrom, true, "MSG_PEEK, MSG_DONTWAIT, MSG_TRUNC"},
	abi.SYS_setsockopt:             {(*Process).setsockopt, false, "options of SOL_SOCKET and TCP that PostgreSQL and libpq use"},
	abi.SYS_getsockopt:             {(*Process).getsockopt, false, "as setsockopt"},
	abi.SYS_shutdown:               {(*Process).shutdown, false, ""},
	abi.SYS_sendmsg:                {(*Process).sendmsg, false, "data only: no control messages, no address"},
	abi.SYS_recvmsg:                {(*Process).recvmsg, false, "one buffer and the sender, no control messages"},
	abi.SYS_wait4:                  {(*Process).wait4, false, "one child or any; WNOHANG; no usage"},
}

// privateCalls are those that Linux does not have: wasm/port/src/private.h.
var privateCalls = [...]callRow{
	abi.SYS_sigreg - firstPrivate:  {(*Process).sigreg, false, "where the kernel posts signals to"},
	abi.SYS_exitsig - firstPrivate: {(*Process).exitsig, false, "the process ends as by a signal"},
	abi.SYS_args - firstPrivate:    {(*Process).args, false, "arguments, environment and auxiliary vector"},
	abi.SYS_sigwait - firstPrivate: {(*Process).sigwait, false, "sleeps until a signal is deliverable"},
	abi.SYS_spawn - firstPrivate:   {(*Process).spawn, false, "starts a program: in the place of fork and exec"},
	abi.SYS_dlopen - firstPrivate:  {(*Process).dlopen, false, "finds a side module"},
	abi.SYS_dllink - firstPrivate:  {(*Process).dllink, false, "puts it into the process"},
	abi.SYS_dlsym - firstPrivate:   {(*Process).dlsym, false, "looks a symbol up"},
}

const firstPrivate = abi.SYS_sigreg

// rowOf returns the row of a call, or nil if it is not served.
func rowOf(nr int32) *callRow {
	var row *callRow
	switch {
	case nr >= 0 && int(nr) < len(calls):
		row = &calls[nr]
	case nr >= firstPrivate && int(nr) < firstPrivate+len(privateCalls):
		row = &privateCalls[nr-firstPrivate]
	}
	if row == nil || row.serve == nil {
		return nil
	}
	return row
}

// ServedByC reports whether the fast path is to serve a call too.
func ServedByC(nr int32) bool {
	row := rowOf(nr)
	return row != nil && row.fast
}
