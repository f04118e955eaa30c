/* One thread per process, so the thread pointer is an ordinary variable
 * (src/start.c). */
extern uintptr_t __wasm_tp;

static inline uintptr_t __get_tp(void)
{
	return __wasm_tp;
}

#define MC_PC __pc
