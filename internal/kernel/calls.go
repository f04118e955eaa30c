package kernel

import "nself.org/embeddedpg/internal/abi"

type call func(*Process, *[6]int32) (int32, abi.Errno)

// calls is the system call table. What is not in it is ENOSYS, and listed in docs/limits.md where a user can
// notice. Signal actions and masks, private memory and the like are served in the guest's libc.
var calls = [...]call{
	abi.SYS_getcwd:                 (*Process).getcwd,
	abi.SYS_dup:                    (*Process).dup,
	abi.SYS_dup3:                   (*Process).dup3,
	abi.SYS_fcntl64:                (*Process).fcntl,
	abi.SYS_ioctl:                  (*Process).ioctl,
	abi.SYS_mkdirat:                (*Process).mkdirat,
	abi.SYS_unlinkat:               (*Process).unlinkat,
	abi.SYS_symlinkat:              (*Process).symlinkat,
	abi.SYS_linkat:                 (*Process).linkat,
	abi.SYS_truncate64:             (*Process).truncate,
	abi.SYS_ftruncate64:            (*Process).ftruncate,
	abi.SYS_fallocate:              (*Process).fallocate,
	abi.SYS_faccessat:              (*Process).faccessat,
	abi.SYS_chdir:                  (*Process).chdir,
	abi.SYS_fchmod:                 (*Process).fchmod,
	abi.SYS_fchmodat:               (*Process).fchmodat,
	abi.SYS_openat:                 (*Process).openat,
	abi.SYS_close:                  (*Process).close,
	abi.SYS_pipe2:                  (*Process).pipe2,
	abi.SYS_getdents64:             (*Process).getdents,
	abi.SYS__llseek:                (*Process).llseek,
	abi.SYS_read:                   (*Process).read,
	abi.SYS_write:                  (*Process).write,
	abi.SYS_readv:                  (*Process).readv,
	abi.SYS_writev:                 (*Process).writev,
	abi.SYS_pread64:                (*Process).pread,
	abi.SYS_pwrite64:               (*Process).pwrite,
	abi.SYS_preadv:                 (*Process).preadv,
	abi.SYS_pwritev:                (*Process).pwritev,
	abi.SYS_preadv2:                (*Process).preadv2,
	abi.SYS_pwritev2:               (*Process).pwritev2,
	abi.SYS_readlinkat:             (*Process).readlinkat,
	abi.SYS_fsync:                  (*Process).fsync,
	abi.SYS_fdatasync:              (*Process).fdatasync,
	abi.SYS_sync_file_range:        (*Process).syncFileRange,
	abi.SYS_fadvise64_64:           (*Process).fadvise,
	abi.SYS_copy_file_range:        (*Process).copyFileRange,
	abi.SYS_statx:                  (*Process).statx,
	abi.SYS_utimensat_time64:       (*Process).utimensat,
	abi.SYS_renameat2:              (*Process).renameat2,
	abi.SYS_umask:                  (*Process).setUmask,
	abi.SYS_exit:                   (*Process).exitGroup,
	abi.SYS_exit_group:             (*Process).exitGroup,
	abi.SYS_futex_time64:           (*Process).futex,
	abi.SYS_ppoll_time64:           (*Process).ppoll,
	abi.SYS_pselect6_time64:        (*Process).pselect,
	abi.SYS_setitimer:              (*Process).setitimer,
	abi.SYS_getitimer:              (*Process).getitimer,
	abi.SYS_clock_gettime64:        (*Process).clockGettime,
	abi.SYS_clock_getres_time64:    (*Process).clockGetres,
	abi.SYS_clock_nanosleep_time64: (*Process).clockNanosleep,
	abi.SYS_sched_yield:            (*Process).schedYield,
	abi.SYS_sched_getaffinity:      (*Process).schedGetaffinity,
	abi.SYS_kill:                   (*Process).kill,
	abi.SYS_tkill:                  (*Process).tkill,
	abi.SYS_tgkill:                 (*Process).tgkill,
	abi.SYS_setpgid:                (*Process).setpgid,
	abi.SYS_getpgid:                (*Process).getpgid,
	abi.SYS_getsid:                 (*Process).getpgid,
	abi.SYS_setsid:                 (*Process).setsid,
	abi.SYS_uname:                  (*Process).uname,
	abi.SYS_getrusage:              (*Process).getrusage,
	abi.SYS_prlimit64:              (*Process).prlimit,
	abi.SYS_prctl:                  (*Process).prctl,
	abi.SYS_getpid:                 (*Process).getpid,
	abi.SYS_gettid:                 (*Process).getpid,
	abi.SYS_getppid:                (*Process).getppid,
	abi.SYS_getuid:                 (*Process).getuid,
	abi.SYS_geteuid:                (*Process).getuid,
	abi.SYS_getgid:                 (*Process).getuid,
	abi.SYS_getegid:                (*Process).getuid,
	abi.SYS_sysinfo:                (*Process).sysinfo,
	abi.SYS_getrandom:              (*Process).getrandom,
	abi.SYS_shmget:                 (*Process).shmget,
	abi.SYS_shmctl:                 (*Process).shmctl,
	abi.SYS_shmat:                  (*Process).shmat,
	abi.SYS_shmdt:                  (*Process).shmdt,
	abi.SYS_mmap2:                  (*Process).mmap2,
	abi.SYS_munmap:                 (*Process).munmap,
	abi.SYS_socket:                 (*Process).socket,
	abi.SYS_socketpair:             (*Process).socketpair,
	abi.SYS_bind:                   (*Process).bind,
	abi.SYS_listen:                 (*Process).listen,
	abi.SYS_accept:                 (*Process).accept,
	abi.SYS_accept4:                (*Process).accept4,
	abi.SYS_connect:                (*Process).connect,
	abi.SYS_getsockname:            (*Process).getsockname,
	abi.SYS_getpeername:            (*Process).getpeername,
	abi.SYS_sendto:                 (*Process).sendto,
	abi.SYS_recvfrom:               (*Process).recvfrom,
	abi.SYS_setsockopt:             (*Process).setsockopt,
	abi.SYS_getsockopt:             (*Process).getsockopt,
	abi.SYS_shutdown:               (*Process).shutdown,
	abi.SYS_sendmsg:                (*Process).sendmsg,
	abi.SYS_recvmsg:                (*Process).recvmsg,
	abi.SYS_wait4:                  (*Process).wait4,
}

// privateCall returns the handler of a number that Linux does not have.
func privateCall(nr int32) call {
	switch nr {
	case abi.SYS_sigreg:
		return (*Process).sigreg
	case abi.SYS_exitsig:
		return (*Process).exitsig
	case abi.SYS_args:
		return (*Process).args
	case abi.SYS_sigwait:
		return (*Process).sigwait
	case abi.SYS_spawn:
		return (*Process).spawn
	case abi.SYS_dlopen:
		return (*Process).dlopen
	case abi.SYS_dllink:
		return (*Process).dllink
	case abi.SYS_dlsym:
		return (*Process).dlsym
	}
	return nil
}
