#ifndef GUEST_H
#define GUEST_H

/*
 * What a program compiled for the kernel in internal/kernel may use beyond
 * libc. PostgreSQL's few patches include it; nothing else needs to.
 */
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bit n-1 stands for signal n. The kernel sets pending bits, at any moment. */
struct sigwords {
	volatile uint32_t pending;
	volatile uint32_t blocked;
};
extern struct sigwords __sigwords;

/* Whether a handler is due. Handlers run on return from every system call, and
 * where a program that computes for long asks: that is what this is for. */
#define guest_signals_due() (__sigwords.pending & ~__sigwords.blocked)
void guest_run_handlers(void);

/* Starts argv[0] as a new process: its own copies of the descriptors that are
 * not close-on-exec (fds[0..2], where not -1, as its first three), and the
 * blocked signals of now. Returns its pid, or -1 with errno set. */
pid_t guest_spawn(char *const argv[], const int fds[3], char *const envp[]);

/* Bytes of the native stack in use. Compiled wasm keeps most of a frame there,
 * out of sight of addresses. */
int guest_stackdepth(void)
	__attribute__((__import_module__("env"), __import_name__("stackdepth")));

/* One linked-in module, as dlopen and dlsym see it; tables end with a null. */
struct guest_symbol {
	const char *name;
	void *address;
};
struct guest_module {
	const char *name;
	const struct guest_symbol *symbols;
};
extern const struct guest_module __guest_modules[];

#ifdef __cplusplus
}
#endif

#endif
