#ifndef CURSES_H
#define CURSES_H

/* What libedit asks a termcap library for (termcap.c). */
int tgetent(char *buffer, const char *terminal);
int tgetflag(const char *capability);
int tgetnum(const char *capability);
char *tgetstr(const char *capability, char **area);
char *tgoto(const char *capability, int column, int row);
int tputs(const char *string, int lines, int (*put)(int));

#endif
