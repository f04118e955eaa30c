#include "wasm2llvm.h"

#include <string.h>

static struct wasm_entry value(void *base, const struct wasm_init *i)
{
	switch (i->kind) {
	case WASM_INIT_FUNC:
		return (struct wasm_entry){i->low, i->code};
	case WASM_INIT_GLOBAL:
		return WASM_SLOT(base, struct wasm_entry, (int64_t)i->low);
	}
	return (struct wasm_entry){i->low, (const void *)i->high};
}

static void init_table(const struct wasm_module *m, void *base, const struct wasm_elem *e)
{
	const struct wasm_table *t = &m->tables[e->table];
	struct wasm_entry *entries = &WASM_SLOT(base, struct wasm_entry, t->entries);
	uint64_t to = (uint32_t)value(base, &e->offset).id;

	if (to + e->n > WASM_SLOT(base, uint32_t, t->size_slot))
		wasm_trap(base, WASM_TRAP_TABLE_OUT_OF_BOUNDS);
	for (uint64_t k = 0; k < e->n; k++) {
		struct wasm_entry x = e->entries[k];
		entries[to + k] = x.id >> 32 == WASM_INIT_GLOBAL ? WASM_SLOT(base, struct wasm_entry, (int64_t)x.code) : x;
	}
}

static void init_memory(void *base, const struct wasm_data *d)
{
	uint64_t to = (uint32_t)value(base, &d->offset).id;

	if (to + d->len > WASM_SIZE(base))
		wasm_trap(base, WASM_TRAP_MEMORY_OUT_OF_BOUNDS);
	memcpy((char *)base + to, d->bytes, d->len);
}

void wasm_instantiate(const struct wasm_module *m, void *base)
{
	for (uint64_t k = 0; k < m->globals_len; k++)
		WASM_SLOT(base, struct wasm_entry, m->globals[k].slot) = value(base, &m->globals[k].init);
	for (uint64_t k = 0; k < m->tables_len; k++)
		if (WASM_SLOT(base, uint32_t, m->tables[k].size_slot) == 0)
			WASM_SLOT(base, uint32_t, m->tables[k].size_slot) = m->tables[k].min;
	for (uint64_t k = 0; k < m->elems_len; k++) {
		if (m->elems[k].mode == WASM_ACTIVE)
			init_table(m, base, &m->elems[k]);
		WASM_SLOT(base, uint64_t, m->elems[k].slot) = m->elems[k].mode != WASM_PASSIVE;
	}
	for (uint64_t k = 0; k < m->datas_len; k++) {
		if (m->datas[k].mode == WASM_ACTIVE)
			init_memory(base, &m->datas[k]);
		WASM_SLOT(base, uint64_t, m->datas[k].slot) = m->datas[k].mode == WASM_ACTIVE;
	}
	if (m->start != NULL)
		m->start(base, NULL);
}
