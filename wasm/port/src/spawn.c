/*
 * posix_spawn on the kernel's spawn; popen and system are musl's, on top of it.
 *
 * There is no fork to run file actions in a child, so they are reduced to the
 * three descriptors that spawn takes: dup2 onto 0, 1 or 2, and close of what
 * the child would not get anyway. Other actions and attributes are refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>
#include "host.h"
#include "fdop.h"

/* shell.c, where a program is linked with it. */
weak pid_t __guest_shell(const char *command, const int fds[3], char *const envp[]);

static int reduce(const posix_spawn_file_actions_t *fa, int fds[3])
{
	struct fdop *op = fa ? fa->__actions : 0;

	/* The list is kept newest first. */
	while (op && op->next) op = op->next;
	for (; op; op = op->prev) {
		switch (op->cmd) {
		case FDOP_DUP2:
			if (op->fd > 2) return ENOSYS;
			fds[op->fd] = op->srcfd;
			break;
		case FDOP_CLOSE:
			if (op->fd <= 2) return ENOSYS;
			break;
		default:
			return ENOSYS;
		}
	}
	return 0;
}

int posix_spawn(pid_t *restrict res, const char *restrict path,
	const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *restrict attr,
	char *const argv[restrict], char *const envp[restrict])
{
	int fds[3] = { -1, -1, -1 }, err = reduce(fa, fds);
	uint32_t blocked = __sigwords.blocked;
	pid_t pid;

	if (err) return err;
	if (attr && attr->__flags & ~(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
		return ENOSYS;
	/* Handlers never survive into a child here, so SETSIGDEF asks for what is
	 * so already; the mask is inherited from ours, so set it meanwhile. */
	if (attr && attr->__flags & POSIX_SPAWN_SETSIGMASK)
		__swap_blocked(((uint32_t *)&attr->__mask)[0]);

	if (!strcmp(path, "/bin/sh") && argv[0] && argv[1] && !strcmp(argv[1], "-c") && argv[2]) {
		errno = ENOSYS;
		pid = __guest_shell ? __guest_shell(argv[2], fds, envp) : -1;
	} else {
		/* The kernel finds the program by argv[0]. */
		char *args[64];
		size_t n = 0;
		for (; argv[n] && n < 63; n++) args[n] = argv[n];
		args[n] = 0;
		args[0] = (char *)path;
		errno = E2BIG;
		pid = argv[n] ? -1 : guest_spawn(args, fds, envp);
	}
	err = pid < 0 ? errno : 0;
	__swap_blocked(blocked);
	if (!err && res) *res = pid;
	return err;
}
