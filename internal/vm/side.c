/*
 * Side modules: code that is put into a running instance, to share its memory, its table and its functions. What an
 * import means is decided in Go (side.go); here it is made, for wasmtime; of native code, native_side.c does it.
 */
#include "instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *no_export(const char *name, size_t len)
{
	char text[128];
	int n = len < 64 ? (int)len : 64;

	snprintf(text, sizeof text, "no export named %.*s", n, name);
	return strdup(text);
}

/* make_global makes a global that only the module sees. */
static char *make_global(struct vm_instance *i, const struct vm_import *in, wasmtime_extern_t *out)
{
	wasm_mutability_t mutability = in->kind == VM_IMPORT_VARIABLE ? WASM_VAR : WASM_CONST;
	wasmtime_val_t value = {.kind = WASMTIME_I32, .of.i32 = (int32_t)in->value};
	wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new(WASM_I32), mutability);

	out->kind = WASMTIME_EXTERN_GLOBAL;
	wasmtime_error_t *error = wasmtime_global_new(i->context, type, &value, &out->of.global);
	wasm_globaltype_delete(type);
	return error != NULL ? vm_error_text(error) : NULL;
}

char *vm_link(struct vm_instance *i, struct vm_module *m, const struct vm_import *in, size_t n, const char *names, int *side)
{
	uint32_t at = i->side_count;

	if (at == VM_SIDES)
		return strdup("too many modules are loaded in this process");
	*side = (int)at;
	return i->module->code->link(i, m, in, n, names, at);
}

char *vm_set_slot(struct vm_instance *i, int side, const char *name, size_t len, uint32_t slot)
{
	return i->module->code->set_slot(i, side, name, len, slot);
}

char *vm_wasmtime_link(struct vm_instance *i, struct vm_module *m, const struct vm_import *in, size_t n, const char *names, uint32_t at)
{
	char *text = NULL;
	wasm_trap_t *trap = NULL;

	wasmtime_extern_t *imports = calloc(n + 1, sizeof *imports);
	if (imports == NULL)
		return strdup("out of memory");
	for (size_t k = 0; k < n && text == NULL; k++) {
		if (in[k].kind != VM_IMPORT_EXPORT)
			text = make_global(i, &in[k], &imports[k]);
		else if (!wasmtime_instance_export_get(i->context, &i->instance, names + in[k].name, in[k].name_len, &imports[k]))
			text = no_export(names + in[k].name, in[k].name_len);
	}
	if (text == NULL) {
		/* The module's start function runs, which may take its time: until then this is no call, for a kill. */
		i->sides[at].module = m;
		__atomic_store_n(&i->side_count, at + 1, __ATOMIC_RELEASE);
		i->linking = true;
		__atomic_store_n(&i->calling, 0, __ATOMIC_SEQ_CST);
		wasmtime_error_t *error = wasmtime_instance_new(i->context, m->module, imports, n, &i->sides[at].instance, &trap);
		__atomic_store_n(&i->calling, 1, __ATOMIC_SEQ_CST);
		i->linking = false;
		text = error != NULL ? vm_error_text(error) : trap != NULL ? vm_trap_text(trap) : NULL;
	}
	free(imports);
	return text;
}

char *vm_wasmtime_set_slot(struct vm_instance *i, int side, const char *name, size_t len, uint32_t slot)
{
	const wasmtime_instance_t *from = side < 0 ? &i->instance : &i->sides[side].instance;
	wasmtime_extern_t table, function;

	if (!wasmtime_instance_export_get(i->context, &i->instance, "__indirect_function_table", 25, &table) ||
		table.kind != WASMTIME_EXTERN_TABLE)
		return strdup("the program exports no table");
	if (!wasmtime_instance_export_get(i->context, from, name, len, &function) || function.kind != WASMTIME_EXTERN_FUNC)
		return no_export(name, len);
	wasmtime_val_t value = {.kind = WASMTIME_FUNCREF, .of.funcref = function.of.func};
	wasmtime_error_t *error = wasmtime_table_set(i->context, &table.of.table, slot, &value);
	return error != NULL ? vm_error_text(error) : NULL;
}
