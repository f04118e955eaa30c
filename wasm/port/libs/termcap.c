/*
 * A termcap library without a database: every terminal that has a name is taken
 * to understand the sequences of ECMA-48 that xterm, the Linux console, screen,
 * tmux, the VT100's descendants and today's emulators have in common. libedit
 * asks for no others. The terminal "dumb", or none, has no capability.
 */
#include <stdio.h>
#include <string.h>
#include "curses.h"

/* A capability's text, with %d where its number goes. */
static const struct {
	char name[3];
	const char *text;
} strings[] = {
	{ "bl", "\a" },        /* bell */
	{ "cd", "\033[J" },    /* clear to the end of the screen */
	{ "ce", "\033[K" },    /* clear to the end of the line */
	{ "cl", "\033[H\033[2J" },
	{ "DC", "\033[%dP" },  /* delete n characters */
	{ "dc", "\033[P" },
	{ "DO", "\033[%dB" },  /* n lines down */
	{ "ho", "\033[H" },    /* home */
	{ "IC", "\033[%d@" },  /* insert n blanks */
	{ "LE", "\033[%dD" },  /* n columns left */
	{ "le", "\b" },
	{ "nd", "\033[C" },    /* one column right */
	{ "nl", "\n" },
	{ "RI", "\033[%dC" },  /* n columns right */
	{ "UP", "\033[%dA" },  /* n lines up */
	{ "up", "\033[A" },
	{ "md", "\033[1m" },   /* bold */
	{ "mr", "\033[7m" },   /* reverse */
	{ "us", "\033[4m" },   /* underline */
	{ "ue", "\033[24m" },
	{ "me", "\033[m" },    /* plain again */
	/* keys, as terminals send them unless told otherwise */
	{ "ku", "\033[A" },
	{ "kd", "\033[B" },
	{ "kr", "\033[C" },
	{ "kl", "\033[D" },
	{ "kh", "\033[H" },
	{ "@7", "\033[F" },    /* end */
	{ "kD", "\033[3~" },   /* delete */
};

static int known;

int tgetent(char *buffer, const char *terminal)
{
	known = *terminal && strcmp(terminal, "dumb") && strcmp(terminal, "unknown");
	return known;
}

int tgetflag(const char *name)
{
	/* am, xn: the cursor waits at the margin until the next character. */
	return known && (!strcmp(name, "am") || !strcmp(name, "xn"));
}

int tgetnum(const char *name)
{
	if (!strcmp(name, "co")) return 80; /* where the terminal does not tell */
	if (!strcmp(name, "li")) return 24;
	return -1;
}

char *tgetstr(const char *name, char **area)
{
	for (size_t i = 0; known && i < sizeof strings / sizeof *strings; i++)
		if (!strcmp(strings[i].name, name)) return (char *)strings[i].text;
	return 0;
}

/* No capability here takes a column and a row, so the second number counts, as
 * it does for termcap's sequences with one number. */
char *tgoto(const char *text, int column, int row)
{
	static char out[32];

	snprintf(out, sizeof out, text, row);
	return out;
}

int tputs(const char *text, int lines, int (*put)(int))
{
	for (; *text; text++) put(*text);
	return 0;
}
