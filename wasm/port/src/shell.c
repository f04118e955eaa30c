/*
 * The part of sh -c that PostgreSQL's client programs use on each other: one
 * program with quoted words, and redirections. Everything else a shell can do
 * is refused with ENOSYS. Not linked into postgres.wasm: in the server, a command
 * line has nothing to run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "guest.h"

#define MAX_WORDS 256

/* Whether a shell would do something about c, in a word or in double quotes. */
static int special(char c, char quote, int first)
{
	if (quote) return quote == '"' && strchr("$`", c);
	return !!strchr("|&;()`$*?[!{}", c) || (first && strchr("#~=%", c));
}

/* Takes the next word off *s, unquoted, to *out. Null if it needs a shell. */
static char *word(const char **s, char **out)
{
	char *start = *out, *o = start, quote = 0;
	const char *p = *s;

	for (; *p && (quote || !strchr(" \t\n<>", *p)); p++) {
		if (quote != '\'' && *p == '\\') {
			if (quote && !strchr("\\\"$`\n", p[1])) *o++ = *p;
			if (!*++p) return 0;
		} else if (*p == quote) {
			quote = 0;
			continue;
		} else if (!quote && (*p == '"' || *p == '\'')) {
			quote = *p;
			continue;
		} else if (special(*p, quote, p == *s)) {
			return 0;
		}
		*o++ = *p;
	}
	if (quote) return 0;
	*o++ = 0;
	*s = p;
	*out = o;
	return start;
}

static int redirect(const char **s, char **out, int fds[3], int opened[3])
{
	int to = **s == '<' ? 0 : 1, flags = O_RDONLY;
	char *name;

	if (**s == '2') {
		to = 2;
		++*s;
	}
	if (*(*s)++ == '>') {
		flags = O_WRONLY | O_CREAT | O_TRUNC;
		if (**s == '>') {
			flags = O_WRONLY | O_CREAT | O_APPEND;
			++*s;
		}
	}
	if (to == 2 && !strncmp(*s, "&1", 2)) {
		fds[2] = fds[1] < 0 ? 1 : fds[1];
		*s += 2;
		return 0;
	}
	while (**s == ' ' || **s == '\t') ++*s;
	if (!(name = word(s, out)) || !*name) {
		errno = ENOSYS;
		return -1;
	}
	if (opened[to] >= 0) close(opened[to]);
	opened[to] = fds[to] = open(name, flags | O_CLOEXEC, 0666);
	return opened[to] < 0 ? -1 : 0;
}

/* Splits command into words in buf, which has twice its length, and starts it. */
static pid_t start(const char *s, char *buf, int fds[3], int opened[3], char *const envp[])
{
	char *words[MAX_WORDS];
	int n = 0;

	for (;;) {
		while (*s == ' ' || *s == '\t') s++;
		if (!*s || (*s == '\n' && !s[1])) break;
		if (*s == '\n') {
			errno = ENOSYS;
			return -1;
		}
		if (*s == '<' || *s == '>' || !strncmp(s, "2>", 2)) {
			if (redirect(&s, &buf, fds, opened)) return -1;
		} else if (n == MAX_WORDS - 1) {
			errno = E2BIG;
			return -1;
		} else if (!(words[n++] = word(&s, &buf))) {
			errno = ENOSYS;
			return -1;
		}
	}
	words[n] = 0;
	/* "exec program ..." is the same thing here: no shell stays behind. */
	if (n > 1 && !strcmp(words[0], "exec")) memmove(words, words + 1, n * sizeof *words);
	if (!words[0]) {
		errno = ENOSYS;
		return -1;
	}
	return guest_spawn(words, fds, envp);
}

pid_t __guest_shell(const char *command, const int inherited[3], char *const envp[])
{
	int fds[3] = { inherited[0], inherited[1], inherited[2] }, opened[3] = { -1, -1, -1 };
	char *buf = malloc(2 * strlen(command) + 2);
	pid_t pid = buf ? start(command, buf, fds, opened, envp) : -1;
	int err = errno;

	for (int i = 0; i < 3; i++)
		if (opened[i] >= 0) close(opened[i]);
	free(buf);
	errno = err;
	return pid;
}
