# Compiles musl and the port (copied into src/wasm) to obj/lib.a, in musl's
# folder. wasm/libc.sh prepares the folder and passes PREFIX_MAP.

CLANG_INCLUDE := /usr/lib/llvm-22/lib/clang/22/include
FEATURES := -matomics -mbulk-memory -mno-bulk-memory-opt -msimd128
CFLAGS := --target=wasm32-unknown-unknown -std=c99 -nostdinc -ffreestanding -D_XOPEN_SOURCE=700 \
	-Iarch/wasm32 -Iarch/generic -Iobj/internal -Isrc/include -Isrc/internal -Isrc/process -Iobj/include \
	-Iinclude -isystem $(CLANG_INCLUDE) -O2 -fno-builtin -fno-strict-aliasing -w $(FEATURES) $(PREFIX_MAP)

# Left out: what the port replaces, what needs threads, and what Linux alone has.
SKIP := $(wildcard src/ldso/*.c src/setjmp/*.c src/aio/*.c src/mq/*.c) \
	$(addprefix src/malloc/,lite_malloc.c free.c realloc.c calloc.c libc_calloc.c posix_memalign.c) \
	$(addprefix src/string/,memcpy.c memmove.c memset.c memcmp.c strlen.c memchr.c strchrnul.c) \
	$(addprefix src/signal/,sigsetjmp_tail.c siglongjmp.c) \
	$(addprefix src/process/,posix_spawn.c vfork.c) \
	$(addprefix src/thread/,__set_thread_area.c __unmapself.c clone.c pthread_cancel.c pthread_create.c \
	thrd_create.c thrd_exit.c) src/time/timer_create.c \
	src/env/__init_tls.c src/linux/sbrk.c src/locale/locale_map.c src/stdlib/strtol.c

OBJECTS := $(patsubst src/%.c,obj/%.o,$(filter-out $(SKIP),$(wildcard src/*/*.c))) obj/wasm/throw.o

all: $(OBJECTS)

# Here the builtins are what the functions are made of.
obj/wasm/memory.o: CFLAGS += -mbulk-memory-opt

# What ours leave to them.
obj/stdlib/strtod.o: CFLAGS += -Dstrtod=__musl_strtod -Dstrtof=__musl_strtof

obj/%.o: src/%.c
	@mkdir -p $(@D)
	clang-22 $(CFLAGS) -c $< -o $@

obj/%.o: src/%.s
	@mkdir -p $(@D)
	clang-22 --target=wasm32-unknown-unknown -mexception-handling -mreference-types -c $< -o $@
