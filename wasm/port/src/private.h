/*
 * The calls of the kernel that Linux does not have. Numbers and arguments are
 * the contract with internal/kernel; wasm/abi.sh carries them over to Go.
 */
#define SYS_sigreg 5000   /* (struct sigwords *): from here on signals are posted there; also returns early ones and the inherited mask */
#define SYS_exitsig 5001  /* (sig): the process ends as if killed by sig */
#define SYS_args 5002     /* (buf, len) -> bytes needed: argc, argv, 0, envp, 0, auxv, strings */
#define SYS_sigwait 5003  /* (): returns -EINTR once a signal is pending that is not blocked */
#define SYS_spawn 5004    /* (argv, int fds[3] or 0, envp or 0) -> pid; -1 in fds inherits */
#define SYS_dlopen 5005   /* (file, u32 need[2], message, len) -> id of the side module in this process; need = bytes of data and their alignment, both to be met in SYS_dllink */
#define SYS_dllink 5006   /* (id, data, u32 finish[2], message, len): puts the module into the process; finish = functions to call then, in this order, or 0 */
#define SYS_dlsym 5007    /* (id, name, u32 *address): of data, or a function's index in the table */
