/* memory.grow, memory.copy and what else the code calls to move bytes and table entries. */
#include "wasm2llvm.h"

#include <string.h>

enum { PAGE = 1 << 16 };

int32_t wasm_memory_grow(void *base, uint32_t pages, uint32_t max)
{
	uint64_t old = WASM_SIZE(base), size = old + (uint64_t)pages * PAGE;

	if (size > (uint64_t)max * PAGE)
		return -1;
	if (pages != 0 && wasm_grow_memory(base, old, size) != 0)
		return -1;
	WASM_SIZE(base) = size;
	return (int32_t)(old / PAGE);
}

void wasm_memory_copy(void *base, uint32_t to, uint32_t from, uint32_t n)
{
	uint64_t size = WASM_SIZE(base);

	if ((uint64_t)to + n > size || (uint64_t)from + n > size)
		wasm_trap(base, WASM_TRAP_MEMORY_OUT_OF_BOUNDS);
	memmove((char *)base + to, (char *)base + from, n);
}

void wasm_memory_fill(void *base, uint32_t to, uint32_t value, uint32_t n)
{
	if ((uint64_t)to + n > WASM_SIZE(base))
		wasm_trap(base, WASM_TRAP_MEMORY_OUT_OF_BOUNDS);
	memset((char *)base + to, (int)value, n);
}

void wasm_memory_init(void *base, const char *bytes, uint64_t len, uint32_t to, uint32_t from, uint32_t n)
{
	if ((uint64_t)to + n > WASM_SIZE(base) || (uint64_t)from + n > len)
		wasm_trap(base, WASM_TRAP_MEMORY_OUT_OF_BOUNDS);
	memcpy((char *)base + to, bytes + from, n);
}

int32_t wasm_table_grow(struct wasm_entry *table, uint32_t *size, uint32_t capacity, uint32_t n, uint64_t id, uint64_t code)
{
	uint32_t old = *size;

	if (n > capacity - old)
		return -1;
	for (uint32_t i = old; i < old + n; i++)
		table[i] = (struct wasm_entry){id, (const void *)code};
	*size = old + n;
	return (int32_t)old;
}

void wasm_table_fill(void *base, struct wasm_entry *table, uint32_t size, uint32_t to, uint64_t id, uint64_t code, uint32_t n)
{
	if ((uint64_t)to + n > size)
		wasm_trap(base, WASM_TRAP_TABLE_OUT_OF_BOUNDS);
	for (uint32_t i = 0; i < n; i++)
		table[to + i] = (struct wasm_entry){id, (const void *)code};
}

void wasm_table_copy(void *base, struct wasm_entry *table, uint32_t size, uint32_t to, const struct wasm_entry *source,
	uint32_t source_size, uint32_t from, uint32_t n)
{
	if ((uint64_t)to + n > size || (uint64_t)from + n > source_size)
		wasm_trap(base, WASM_TRAP_TABLE_OUT_OF_BOUNDS);
	memmove(table + to, source + from, n * sizeof *table);
}

void wasm_table_init(void *base, struct wasm_entry *table, uint32_t size, uint32_t to, const struct wasm_entry *entries,
	uint64_t len, uint32_t from, uint32_t n)
{
	if ((uint64_t)to + n > size || (uint64_t)from + n > len)
		wasm_trap(base, WASM_TRAP_TABLE_OUT_OF_BOUNDS);
	memcpy(table + to, entries + from, n * sizeof *table);
}
