/*
 * In the place of musl's src/locale/locale_map.c: which locales there are.
 *
 * musl takes any name, and sorts every one of them by bytes. A database that
 * another PostgreSQL made with, say, en_US.UTF-8 would open and its indexes be
 * in the wrong order. So only the locales that really sort that way exist: C,
 * its old name POSIX, and C.UTF-8 however it is spelled. Asked for the locale of
 * the environment, which says what a person likes and nothing about data, the
 * answer is C.UTF-8 where there is no such locale.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "locale_impl.h"
#include "lock.h"

volatile int __locale_lock[1];
volatile int *const __locale_lockptr = __locale_lock;

static const struct __locale_map *named(const char *name)
{
	if (!strcmp(name, "C") || !strcmp(name, "POSIX")) return 0;
	if (!strcasecmp(name, "C.UTF-8") || !strcasecmp(name, "C.UTF8")) return &__c_dot_utf8;
	return LOC_MAP_FAILED;
}

static const char *from_environment(int cat)
{
	static const char variables[][12] = {
		"LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MONETARY", "LC_MESSAGES",
	};
	const char *s;

	if ((s = getenv("LC_ALL")) && *s) return s;
	if ((s = getenv(variables[cat])) && *s) return s;
	if ((s = getenv("LANG")) && *s) return s;
	return "C.UTF-8";
}

const struct __locale_map *__get_locale(int cat, const char *name)
{
	const struct __locale_map *map;

	if (*name) return named(name);
	map = named(from_environment(cat));
	return map == LOC_MAP_FAILED ? &__c_dot_utf8 : map;
}

/* There are no message catalogues. */
const char *__lctrans_impl(const char *msg, const struct __locale_map *map)
{
	return msg;
}
