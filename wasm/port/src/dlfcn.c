/*
 * dlopen for a program that holds its modules already: a file's name, without
 * its folder and .so, picks one of the tables that the link step generated.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include "features.h"
#include "guest.h"

/* A program without modules has no table. */
weak const struct guest_module __guest_modules[];

static char message[256];
static const char *pending;

void *dlopen(const char *file, int mode)
{
	const char *name = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	size_t n = strlen(name);

	if (n > 3 && !strcmp(name + n - 3, ".so")) n -= 3;
	for (const struct guest_module *m = __guest_modules; m && m->name; m++)
		if (strlen(m->name) == n && !memcmp(m->name, name, n)) return (void *)m;
	snprintf(message, sizeof message, "%s: not one of the modules this program was built with", file);
	pending = message;
	return 0;
}

void *dlsym(void *restrict handle, const char *restrict name)
{
	const struct guest_module *m = handle;

	for (const struct guest_symbol *s = m->symbols; s->name; s++)
		if (!strcmp(s->name, name)) return s->address;
	snprintf(message, sizeof message, "%s: no such symbol: %s", m->name, name);
	pending = message;
	return 0;
}

int dlclose(void *handle)
{
	return 0;
}

char *dlerror(void)
{
	const char *p = pending;

	pending = 0;
	return (char *)p;
}
