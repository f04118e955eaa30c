/*
 * clang gives main one of two names, by its arguments; _start calls the one
 * that has them. This object is linked only into programs with the other.
 */
int __main_void(void);

int __main_argc_argv(int argc, char **argv)
{
	return __main_void();
}
