package kernel

type call func(*Process, *[6]int32) int32

// calls is the system call table. What is not in it is ENOSYS, and listed in docs/limits.md where a user can
// notice. Signal actions and masks, private memory and the like are served in the guest's libc.
var calls = [...]call{
	SYS_getcwd:                 (*Process).getcwd,
	SYS_dup:                    (*Process).dup,
	SYS_dup3:                   (*Process).dup3,
	SYS_fcntl64:                (*Process).fcntl,
	SYS_ioctl:                  (*Process).ioctl,
	SYS_mkdirat:                (*Process).mkdirat,
	SYS_unlinkat:               (*Process).unlinkat,
	SYS_symlinkat:              (*Process).symlinkat,
	SYS_linkat:                 (*Process).linkat,
	SYS_truncate64:             (*Process).truncate,
	SYS_ftruncate64:            (*Process).ftruncate,
	SYS_fallocate:              (*Process).fallocate,
	SYS_faccessat:              (*Process).faccessat,
	SYS_chdir:                  (*Process).chdir,
	SYS_fchmod:                 (*Process).fchmod,
	SYS_fchmodat:               (*Process).fchmodat,
	SYS_openat:                 (*Process).openat,
	SYS_close:                  (*Process).close,
	SYS_pipe2:                  (*Process).pipe2,
	SYS_getdents64:             (*Process).getdents,
	SYS__llseek:                (*Process).llseek,
	SYS_read:                   (*Process).read,
	SYS_write:                  (*Process).write,
	SYS_readv:                  (*Process).readv,
	SYS_writev:                 (*Process).writev,
	SYS_pread64:                (*Process).pread,
	SYS_pwrite64:               (*Process).pwrite,
	SYS_preadv:                 (*Process).preadv,
	SYS_pwritev:                (*Process).pwritev,
	SYS_preadv2:                (*Process).preadv2,
	SYS_pwritev2:               (*Process).pwritev2,
	SYS_readlinkat:             (*Process).readlinkat,
	SYS_fsync:                  (*Process).fsync,
	SYS_fdatasync:              (*Process).fdatasync,
	SYS_sync_file_range:        (*Process).syncFileRange,
	SYS_fadvise64_64:           (*Process).fadvise,
	SYS_copy_file_range:        (*Process).copyFileRange,
	SYS_statx:                  (*Process).statx,
	SYS_utimensat_time64:       (*Process).utimensat,
	SYS_renameat2:              (*Process).renameat2,
	SYS_umask:                  (*Process).setUmask,
	SYS_exit:                   (*Process).exitGroup,
	SYS_exit_group:             (*Process).exitGroup,
	SYS_futex_time64:           (*Process).futex,
	SYS_ppoll_time64:           (*Process).ppoll,
	SYS_pselect6_time64:        (*Process).pselect,
	SYS_setitimer:              (*Process).setitimer,
	SYS_getitimer:              (*Process).getitimer,
	SYS_clock_gettime64:        (*Process).clockGettime,
	SYS_clock_getres_time64:    (*Process).clockGetres,
	SYS_clock_nanosleep_time64: (*Process).clockNanosleep,
	SYS_sched_yield:            (*Process).schedYield,
	SYS_sched_getaffinity:      (*Process).schedGetaffinity,
	SYS_kill:                   (*Process).kill,
	SYS_tkill:                  (*Process).tkill,
	SYS_tgkill:                 (*Process).tgkill,
	SYS_setpgid:                (*Process).setpgid,
	SYS_getpgid:                (*Process).getpgid,
	SYS_getsid:                 (*Process).getpgid,
	SYS_setsid:                 (*Process).setsid,
	SYS_uname:                  (*Process).uname,
	SYS_getrusage:              (*Process).getrusage,
	SYS_prlimit64:              (*Process).prlimit,
	SYS_prctl:                  (*Process).prctl,
	SYS_getpid:                 (*Process).getpid,
	SYS_gettid:                 (*Process).getpid,
	SYS_getppid:                (*Process).getppid,
	SYS_getuid:                 (*Process).getuid,
	SYS_geteuid:                (*Process).getuid,
	SYS_getgid:                 (*Process).getuid,
	SYS_getegid:                (*Process).getuid,
	SYS_sysinfo:                (*Process).sysinfo,
	SYS_getrandom:              (*Process).getrandom,
	SYS_shmget:                 (*Process).shmget,
	SYS_shmctl:                 (*Process).shmctl,
	SYS_shmat:                  (*Process).shmat,
	SYS_shmdt:                  (*Process).shmdt,
	SYS_mmap2:                  (*Process).mmap2,
	SYS_munmap:                 (*Process).munmap,
	SYS_socket:                 (*Process).socket,
	SYS_socketpair:             (*Process).socketpair,
	SYS_bind:                   (*Process).bind,
	SYS_listen:                 (*Process).listen,
	SYS_accept:                 (*Process).accept,
	SYS_accept4:                (*Process).accept4,
	SYS_connect:                (*Process).connect,
	SYS_getsockname:            (*Process).getsockname,
	SYS_getpeername:            (*Process).getpeername,
	SYS_sendto:                 (*Process).sendto,
	SYS_recvfrom:               (*Process).recvfrom,
	SYS_setsockopt:             (*Process).setsockopt,
	SYS_getsockopt:             (*Process).getsockopt,
	SYS_shutdown:               (*Process).shutdown,
	SYS_sendmsg:                (*Process).sendmsg,
	SYS_recvmsg:                (*Process).recvmsg,
	SYS_wait4:                  (*Process).wait4,
}

// privateCall returns the handler of a number that Linux does not have.
func privateCall(nr int32) call {
	switch nr {
	case SYS_sigreg:
		return (*Process).sigreg
	case SYS_exitsig:
		return (*Process).exitsig
	case SYS_args:
		return (*Process).args
	case SYS_sigwait:
		return (*Process).sigwait
	case SYS_spawn:
		return (*Process).spawn
	case SYS_dlopen:
		return (*Process).dlopen
	case SYS_dllink:
		return (*Process).dllink
	case SYS_dlsym:
		return (*Process).dlsym
	}
	return nil
}
