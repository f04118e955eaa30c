/* _start is C: see src/start.c. */
