/*
 * clang gives main one of two names, by its arguments; _start calls the one
 * that has them. This is for programs with the other.
 */
__attribute__((__weak__)) int __main_void(void);

__attribute__((__weak__)) int __main_argc_argv(int argc, char **argv)
{
	return __main_void();
}
