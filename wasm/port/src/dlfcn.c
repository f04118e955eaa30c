/*
 * dlopen. A program holds its own modules already: an empty file stands for one,
 * and its name, without folder and .so, picks one of the tables that the link
 * step generated. A file that is not empty is a side module, which the kernel
 * puts into this process: it asks for memory for the module's data, and tells
 * which functions finish the loading.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "features.h"
#include "host.h"

/* A program without modules has no table. */
weak const struct guest_module __guest_modules[];

/* A handle of dlopen is a struct guest_module, or this. */
struct loaded {
	const char *none; /* null, where a linked-in module has its name */
	struct loaded *next;
	long id;
};
static struct loaded *loaded;

static char message[1024];
static const char *pending;

static void *load(const char *file)
{
	uint32_t need[2];        /* bytes of data, and their alignment */
	void (*finish[2])(void); /* relocations of data, constructors; or null */
	struct loaded *m;
	void *data;
	long id;

	pending = message;
	snprintf(message, sizeof message, "%s: out of memory", file);
	id = syscall(SYS_dlopen, file, need, message, sizeof message);
	if (id < 0) return 0;
	for (m = loaded; m; m = m->next) {
		if (m->id != id) continue;
		pending = 0;
		return m;
	}
	m = malloc(sizeof *m);
	data = aligned_alloc(need[1], need[0]);
	if (data) memset(data, 0, need[0]);
	if (!m || !data || syscall(SYS_dllink, id, data, finish, message, sizeof message) < 0) {
		free(data);
		free(m);
		return 0;
	}
	*m = (struct loaded){ .next = loaded, .id = id };
	loaded = m;
	pending = 0;
	for (int i = 0; i < 2; i++)
		if (finish[i]) finish[i]();
	return m;
}

void *dlopen(const char *file, int mode)
{
	const char *name = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	size_t n = strlen(name);
	struct stat st;

	if (!stat(file, &st) && st.st_size > 0) return load(file);
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
	uint32_t address;

	if (!m->name) {
		if (syscall(SYS_dlsym, ((struct loaded *)m)->id, name, &address) >= 0) return (void *)address;
	} else {
		for (const struct guest_symbol *s = m->symbols; s->name; s++)
			if (!strcmp(s->name, name)) return s->address;
	}
	snprintf(message, sizeof message, "no such symbol: %s", name);
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
