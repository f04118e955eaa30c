//go:build (linux || darwin) && (amd64 || arm64)

/*
 * Side modules as native code. An image is mapped and linked to one program once: the addresses of
 * the program's functions, where its globals and its table lie in every instance, and how far below
 * them the side module's own state lies. Putting it into an instance then only fills that state, the
 * memory and the table.
 *
 * linking guards native.side_low of every program, and the list of images that its unwinder has.
 */
#define _GNU_SOURCE
#include "native.h"
#include "native_side.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct side_image {
	struct vm_image image;
	char name[64];
};

static pthread_mutex_t linking = PTHREAD_MUTEX_INITIALIZER;

static char *text_of(const char *format, const char *name, size_t len)
{
	char text[200];

	snprintf(text, sizeof text, format, len < 64 ? (int)len : 64, name);
	return strdup(text);
}

/* ---- symbols ---- */

static const struct wasm_symbol *find(const struct wasm_linkage *l, const char *name, size_t len)
{
	uint32_t low = 0, high = l->symbols_len;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const char *s = l->names + l->symbols[middle].name;
		size_t n = strlen(s);
		int order = memcmp(s, name, n < len ? n : len);
		if (order == 0 && n == len)
			return &l->symbols[middle];
		if (order < 0 || (order == 0 && n < len))
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static uint32_t kind_of(const struct wasm_symbol *s) { return s->kind_index & 7; }
static uint32_t index_of(const struct wasm_symbol *s) { return s->kind_index >> 3; }

static const void *code_of(const struct wasm_linkage *l, const struct wasm_symbol *s)
{
	return (const char *)l->symbols + s->code;
}

static bool is(const char *s, uint64_t len, const char *want)
{
	return strlen(want) == len && memcmp(s, want, len) == 0;
}

/* made tells whether an imported global is the side module's own, made for each instance. */
static bool made(const struct wasm_import *m)
{
	return !is(m->module, m->module_len, "env") || is(m->name, m->name_len, "__memory_base") || is(m->name, m->name_len, "__table_base");
}

/* ---- loading ---- */

/* resolve finds what an import is in the program. What it is by name and kind, Go has checked for the errors' sake. */
static char *resolve(const struct wasm_image *p, const struct wasm_image *s, const struct wasm_import *m)
{
	if (m->kind == WASM_GLOBAL && made(m))
		return (m->type & ~(uint32_t)WASM_MUTABLE) == WASM_TYPE_I32 ? NULL : text_of("%.*s has an incompatible type", m->name, m->name_len);
	const struct wasm_symbol *symbol = find(p->linkage, m->name, m->name_len);
	if (symbol == NULL || kind_of(symbol) != m->kind)
		return text_of("the program has no such %.*s", m->name, m->name_len);
	if (m->kind != WASM_MEMORY && symbol->type != m->type)
		return text_of("%.*s has an incompatible type: the module was built for another server", m->name, m->name_len);
	switch (m->kind) {
	case WASM_FUNC:
		s->linkage->functions[m->index] = code_of(p->linkage, symbol);
		break;
	case WASM_GLOBAL:
		s->linkage->globals[m->index] = symbol->code;
		break;
	case WASM_TAG:
		s->linkage->tags[m->index] = (uint32_t)symbol->code;
		break;
	case WASM_TABLE:
		s->linkage->side->table = p->module->tables[index_of(symbol)].entries;
		s->linkage->side->table_size = p->module->tables[index_of(symbol)].size_slot;
		break;
	}
	return NULL;
}

/* place gives the side module a place for its state, below those of the modules before it. */
static char *place(struct native *n, const struct wasm_image *s)
{
	int64_t low = n->side_low - (int64_t)s->module->state;

	if (low < -(int64_t)n->module->state - VM_SIDE_STATE)
		return strdup("no room for the variables of another module: restart the program");
	s->linkage->side->state = n->side_low;
	n->side_low = low;
	return NULL;
}

static char *link_image(const struct wasm_image *p, const struct wasm_image *s)
{
	if (s->linkage == NULL || s->linkage->side == NULL)
		return strdup("its native code is not that of a side module");
	if (s->linkage->exception_bits < p->linkage->exception_bits)
		return strdup("its exceptions are too small");
	for (uint64_t k = 0; k < s->module->imports_len; k++) {
		char *text = resolve(p, s, &s->module->imports[k]);
		if (text != NULL)
			return text;
	}
	s->linkage->side->memory_max = p->module->memory_max;
	s->linkage->side->throw = (const void *)p->throw;
	*s->host = *p->host;
	return NULL;
}

/* add gives the image what it shares with the program's other side modules. */
static char *add(struct native *n, const struct side_image *s)
{
	const struct vm_image *i = &s->image;

	pthread_mutex_lock(&linking);
	char *text = place(n, i->info);
	if (text == NULL && !n->image.info->add_image((void *)i->text_start, (void *)i->text_end, wasm_unwind_table((const uint8_t *)i->at)))
		text = strdup("too many modules have been loaded: restart the program");
	pthread_mutex_unlock(&linking);
	return text;
}

char *vm_native_side(struct vm_module *program, const char *name, const uint8_t hash[32], const uint8_t *image, size_t n,
	struct vm_module **out)
{
	const struct vm_source source = {.fd = -1, .bytes = (const char *)image, .len = n};
	struct vm_module *m = calloc(1, sizeof *m);
	struct side_image *s = calloc(1, sizeof *s);
	char *text = m == NULL || s == NULL ? strdup("out of memory") : vm_image_map(&source, hash, &s->image);

	if (text == NULL) {
		text = link_image(program->native->image.info, s->image.info);
		if (text == NULL)
			text = add(program->native, s);
		if (text != NULL)
			vm_image_unmap(&s->image);
	}
	if (text != NULL) {
		free(s);
		free(m);
		return text;
	}
	snprintf(s->name, sizeof s->name, "%s", name);
	*m = (struct vm_module){.engine = program->engine, .code = program->code, .side = s, .text_start = s->image.text_start,
		.text_end = s->image.text_end};
	*out = m;
	return NULL;
}

void vm_side_free(struct side_image *s)
{
	vm_image_unmap(&s->image);
	free(s);
}

const struct wasm_linkage *vm_native_linkage(const struct vm_module *m)
{
	return m->side != NULL ? m->side->image.info->linkage : m->native->image.info->linkage;
}

uint32_t vm_native_first_slot(const struct vm_module *m)
{
	const struct wasm_module *w = m->native->module;
	uint32_t first = UINT32_MAX;

	for (uint64_t k = 0; k < w->elems_len; k++)
		if (w->elems[k].mode == WASM_ACTIVE && w->elems[k].offset.low < first)
			first = (uint32_t)w->elems[k].offset.low;
	return first;
}

/* ---- putting it into an instance ---- */

static struct wasm_entry value(const char *top, const struct wasm_init *i)
{
	switch (i->kind) {
	case WASM_INIT_FUNC:
		return (struct wasm_entry){i->low, i->code};
	case WASM_INIT_GLOBAL:
		return WASM_SLOT(top, struct wasm_entry, (int64_t)i->low);
	}
	return (struct wasm_entry){i->low, (const void *)i->high};
}

/* set_globals gives the side module's globals their values: those that Go has found, those of the program, its own. */
static void set_globals(char *top, const struct wasm_image *p, const struct wasm_module *m, const struct vm_import *in)
{
	for (uint64_t k = 0; k < m->imports_len; k++) {
		const struct wasm_import *i = &m->imports[k];
		if (i->kind != WASM_GLOBAL || (i->type & WASM_MUTABLE && !made(i)))
			continue;
		uint32_t v = made(i) ? in[k].value : find(p->linkage, i->name, i->name_len)->value;
		WASM_SLOT(top, struct wasm_entry, i->slot) = (struct wasm_entry){v, NULL};
	}
	for (uint64_t k = 0; k < m->globals_len; k++)
		WASM_SLOT(top, struct wasm_entry, m->globals[k].slot) = value(top, &m->globals[k].init);
}

/* set_table and set_memory do what wasm_instantiate does for a program. */
static char *set_table(char *base, const struct wasm_image *s)
{
	const struct wasm_module *m = s->module;
	char *top = base + s->linkage->side->state;
	struct wasm_entry *table = &WASM_SLOT(base, struct wasm_entry, s->linkage->side->table);

	for (uint64_t k = 0; k < m->elems_len; k++) {
		const struct wasm_elem *e = &m->elems[k];
		WASM_SLOT(top, uint64_t, e->slot) = e->mode != WASM_PASSIVE;
		if (e->mode != WASM_ACTIVE)
			continue;
		uint64_t to = (uint32_t)value(top, &e->offset).id;
		if (to + e->n > WASM_SLOT(base, uint32_t, s->linkage->side->table_size))
			return strdup("its functions are out of bounds of the table");
		for (uint64_t j = 0; j < e->n; j++) {
			struct wasm_entry x = e->entries[j];
			table[to + j] = x.id >> 32 == WASM_INIT_GLOBAL ? WASM_SLOT(top, struct wasm_entry, (int64_t)x.code) : x;
		}
	}
	return NULL;
}

static char *set_memory(char *base, const struct wasm_image *s)
{
	char *top = base + s->linkage->side->state;

	for (uint64_t k = 0; k < s->module->datas_len; k++) {
		const struct wasm_data *d = &s->module->datas[k];
		WASM_SLOT(top, uint64_t, d->slot) = d->mode == WASM_ACTIVE;
		if (d->mode != WASM_ACTIVE)
			continue;
		uint64_t to = (uint32_t)value(top, &d->offset).id;
		if (to + d->len > WASM_SIZE(base))
			return strdup("its data is out of bounds of the memory");
		memcpy(base + to, d->bytes, d->len);
	}
	return NULL;
}

char *vm_native_link(struct vm_instance *i, struct vm_module *m, const struct vm_import *in, size_t n, const char *names, uint32_t at)
{
	const struct wasm_image *s = m->side->image.info;
	char *base = (char *)i->memory.base, *top = base + s->linkage->side->state;

	(void)names;
	for (uint32_t k = 0; k < at; k++)
		if (i->sides[k].module->side == m->side)
			return strdup("the module is in the process already");
	if (n != s->module->imports_len)
		return strdup("its native code was made of another module");
	if (mprotect(top - s->module->state, s->module->state, PROT_READ | PROT_WRITE) != 0)
		return strdup("no memory for its variables");
	set_globals(top, i->module->native->image.info, s->module, in);
	char *text = set_table(base, s);
	if (text == NULL)
		text = set_memory(base, s);
	if (text != NULL)
		return text;
	i->sides[at].module = m;
	__atomic_store_n(&i->side_count, at + 1, __ATOMIC_RELEASE);
	if (s->module->start == NULL)
		return NULL;
	/* Until the start function has run this is no call, for a kill. */
	i->linking = true;
	__atomic_store_n(&i->calling, 0, __ATOMIC_SEQ_CST);
	text = vm_native_enter(i, s->module->start);
	__atomic_store_n(&i->calling, 1, __ATOMIC_SEQ_CST);
	i->linking = false;
	return text;
}

char *vm_native_set_slot(struct vm_instance *i, int side, const char *name, size_t len, uint32_t slot)
{
	const struct wasm_image *p = i->module->native->image.info;
	const struct wasm_linkage *from = side < 0 ? p->linkage : i->sides[side].module->side->image.info->linkage;
	const struct wasm_symbol *table = find(p->linkage, "__indirect_function_table", 25), *f = find(from, name, len);

	if (table == NULL || kind_of(table) != WASM_TABLE)
		return strdup("the program exports no table");
	if (f == NULL || kind_of(f) != WASM_FUNC)
		return text_of("no export named %.*s", name, len);
	const struct wasm_table *t = &p->module->tables[index_of(table)];
	if (slot >= WASM_SLOT(i->memory.base, uint32_t, t->size_slot))
		return strdup("the table has no such slot");
	(&WASM_SLOT(i->memory.base, struct wasm_entry, t->entries))[slot] = (struct wasm_entry){f->type, code_of(from, f)};
	return NULL;
}

bool vm_side_frame(const struct vm_instance *i, uint64_t at, char *out, size_t n)
{
	for (uint32_t k = 0; k < i->side_count; k++) {
		const struct side_image *s = i->sides[k].module->side;
		if (at >= s->image.text_start && at < s->image.text_end) {
			snprintf(out, n, " %s+%#lx", s->name, (unsigned long)(at - (uintptr_t)s->image.at));
			return true;
		}
	}
	return false;
}
