/*
 * The one main of pgtools.wasm: it holds PostgreSQL's client programs, initdb
 * excepted, as modules
 * (dlfcn.c), and runs the one that it was called as.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef int program(int, char **);

int main(int argc, char **argv)
{
	void *module = dlopen(argc ? argv[0] : "", RTLD_NOW);
	program *run = module ? (program *)dlsym(module, "__main_argc_argv") : 0;

	if (!run) {
		fprintf(stderr, "%s: not one of PostgreSQL's programs\n", argc ? argv[0] : "");
		return 127;
	}
	return run(argc, argv);
}
