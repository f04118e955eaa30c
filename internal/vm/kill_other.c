//go:build !(linux || darwin) || !(amd64 || arm64)

/* Elsewhere an instance that makes no calls cannot be ended. */
#include "instance.h"

#include <errno.h>

int vm_kill(struct vm_instance *i)
{
	(void)i;
	return ENOTSUP;
}

int vm_kill_prepare(void) { return ENOTSUP; }
