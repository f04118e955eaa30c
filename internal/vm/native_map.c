//go:build (linux || darwin) && (amd64 || arm64)

/*
 * Maps an image of native code. It does what is left of a dynamic linker's work when there is
 * nothing to resolve: segments, relocations, protections. What the file says is checked as far as a
 * damaged or foreign file could make this function itself go wrong; the code is trusted, or else it
 * would not be run.
 */
#define _GNU_SOURCE
#include "native_image.h"

#include "elf64.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined __x86_64__
enum { MACHINE = EM_X86_64 };
#elif defined __aarch64__
enum { MACHINE = EM_AARCH64 };
#endif

enum {
	SEGMENTS = 16,
	ALIGN = 64 << 10,      /* of segments; a multiple of every host's page size */
	IMAGE_MAX = 1 << 30,   /* address space */
};

static char *bad(const char *what)
{
	static const char before[] = "not an image of native code: ";
	char *text = malloc(sizeof before + strlen(what));

	if (text != NULL)
		strcat(strcpy(text, before), what);
	return text;
}

static char *refused(const char *what, int error)
{
	char line[200];

	snprintf(line, sizeof line, "%s: %s", what, strerror(error));
	return strdup(line);
}

/* read_at reads bytes of the source, all of which must be there. */
static bool read_at(const struct vm_source *s, void *to, uint64_t n, uint64_t at)
{
	if (at > s->len || n > s->len - at)
		return false;
	if (s->fd < 0) {
		memcpy(to, s->bytes + at, n);
		return true;
	}
	while (n > 0) {
		ssize_t k = pread(s->fd, to, n, (off_t)at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		to = (char *)to + k;
		at += (uint64_t)k;
		n -= (uint64_t)k;
	}
	return true;
}

/* A file's headers, checked. */
struct headers {
	Elf64_Ehdr file;
	Elf64_Phdr segments[SEGMENTS];
	uint64_t end; /* of the highest segment */
};

static char *check_segment(const Elf64_Phdr *h, uint64_t len, uint64_t end)
{
	if (h->p_offset > len || h->p_filesz > len - h->p_offset)
		return bad("it is cut short");
	if (h->p_filesz > h->p_memsz || h->p_vaddr < end || h->p_vaddr > IMAGE_MAX || h->p_memsz > IMAGE_MAX ||
		(h->p_vaddr - h->p_offset) % ALIGN != 0)
		return bad("its segments");
	if ((h->p_flags & PF_W) && (h->p_flags & PF_X))
		return bad("code that can be written");
	return NULL;
}

static char *read_headers(const struct vm_source *s, struct headers *h)
{
	static const unsigned char ident[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
	int code = 0;

	if (!read_at(s, &h->file, sizeof h->file, 0) || memcmp(h->file.e_ident, ident, sizeof ident) != 0)
		return bad("no ELF header");
	if (h->file.e_machine != MACHINE)
		return bad("it is for another processor");
	if (h->file.e_type != ET_DYN || h->file.e_phentsize != sizeof *h->segments || h->file.e_phnum > SEGMENTS ||
		!read_at(s, h->segments, h->file.e_phnum * sizeof *h->segments, h->file.e_phoff))
		return bad("its headers");
	h->end = 0;
	for (int k = 0; k < h->file.e_phnum; k++) {
		const Elf64_Phdr *p = &h->segments[k];
		if (p->p_type != PT_LOAD)
			continue;
		char *text = check_segment(p, s->len, h->end);
		if (text != NULL)
			return text;
		/* The next segment must not share a page with this one. */
		h->end = (p->p_vaddr + p->p_memsz + ALIGN - 1) & ~(ALIGN - 1ull);
		code += (p->p_flags & PF_X) != 0;
	}
	return code == 1 ? NULL : bad("no code");
}

static bool holds(const Elf64_Phdr *p, uint64_t at, uint64_t n)
{
	return at >= p->p_vaddr && at - p->p_vaddr <= p->p_memsz && n <= p->p_memsz - (at - p->p_vaddr);
}

/* segment_of returns the segment with these flags, all of it mapped, that holds the range; NULL: there is none. */
static const Elf64_Phdr *segment_of(const struct headers *h, uint64_t at, uint64_t n, unsigned flags)
{
	for (int k = 0; k < h->file.e_phnum; k++) {
		const Elf64_Phdr *p = &h->segments[k];
		if (p->p_type == PT_LOAD && (p->p_flags & flags) == flags && holds(p, at, n))
			return p;
	}
	return NULL;
}

static bool within(const struct headers *h, uint64_t at, uint64_t n, unsigned flags)
{
	return segment_of(h, at, n, flags) != NULL;
}

static int protection(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) | (p->p_flags & PF_X ? PROT_EXEC : 0);
}

/* map_file maps a segment's bytes from the file. False: this file cannot be mapped so, as on a file system mounted noexec. */
static bool map_file(const struct vm_source *s, const struct vm_image *i, const Elf64_Phdr *p)
{
	uint64_t before = p->p_vaddr % ALIGN; /* in the file too */
	char *from = i->at + p->p_vaddr - before;

#ifdef __APPLE__
	if (p->p_flags & PF_X) /* pages of an unsigned file are not executable */
		return false;
#endif
	return s->fd >= 0 && mmap(from, before + p->p_filesz, protection(p), MAP_PRIVATE | MAP_FIXED, s->fd,
		(off_t)(p->p_offset - before)) == from;
}

/* map_segment maps or copies one segment. */
static char *map_segment(const struct vm_source *s, struct vm_image *i, const Elf64_Phdr *p)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), filled = p->p_vaddr + p->p_filesz, end = p->p_vaddr + p->p_memsz;
	uint64_t first = p->p_vaddr & ~(page - 1), mapped = first;

	if (p->p_filesz > 0 && map_file(s, i, p)) {
		mapped = (filled + page - 1) & ~(page - 1);
		if ((p->p_flags & PF_W) && end > filled)
			memset(i->at + filled, 0, (end < mapped ? end : mapped) - filled);
	} else if (p->p_filesz > 0) {
		mapped = (filled + page - 1) & ~(page - 1);
		if (mprotect(i->at + first, mapped - first, PROT_READ | PROT_WRITE) != 0)
			return refused("memory for native code", errno);
		if (!read_at(s, i->at + p->p_vaddr, p->p_filesz, p->p_offset))
			return refused("read native code", errno);
		__builtin___clear_cache(i->at + first, i->at + mapped);
		if (mprotect(i->at + first, mapped - first, protection(p)) != 0)
			return refused("make native code executable", errno);
		i->copied |= (p->p_flags & PF_X) != 0;
	}
	if (end > mapped && mprotect(i->at + mapped, end - mapped, protection(p)) != 0)
		return refused("memory for native code", errno);
	return NULL;
}

/* A table of DT_RELR: an even entry is the address of a place, an odd one a bit each for the 63 places behind it. */
static char *relocate(const struct headers *h, const struct vm_image *i, uint64_t table, uint64_t size)
{
	const uint64_t *entry = (const uint64_t *)(i->at + table), *end = entry + size / sizeof *entry;
	const Elf64_Phdr *data = NULL; /* the segment of the place before */
	uint64_t next = 0;

	if (table % sizeof *entry != 0 || !within(h, table, size, PF_R))
		return bad("its relocations");
	for (; entry < end; entry++) {
		uint64_t bits = *entry & 1 ? *entry >> 1 : 1, at = *entry & 1 ? next : *entry;
		for (; bits != 0; bits >>= 1, at += sizeof *entry) {
			if (!(bits & 1))
				continue;
			if (data == NULL || !holds(data, at, sizeof *entry))
				data = segment_of(h, at, sizeof *entry, PF_W);
			if (data == NULL || at % sizeof *entry != 0)
				return bad("a relocation outside its data");
			*(uint64_t *)(i->at + at) += (uint64_t)i->at;
		}
		next = *entry & 1 ? next + 63 * sizeof *entry : *entry + sizeof *entry;
	}
	return NULL;
}

/* link_dynamic does what the dynamic section asks for, if that is nothing but relative relocations. */
static char *link_dynamic(const struct headers *h, const struct vm_image *i, const Elf64_Phdr *p)
{
	uint64_t relr = 0, size = 0;

	if (p->p_vaddr % 8 != 0 || !within(h, p->p_vaddr, p->p_memsz, PF_R))
		return bad("its dynamic section");
	for (uint64_t k = 0; k < p->p_memsz / sizeof(Elf64_Dyn); k++) {
		const Elf64_Dyn *d = (const Elf64_Dyn *)(i->at + p->p_vaddr) + k;
		switch (d->d_tag) {
		case 36: /* DT_RELR */
			relr = d->d_un.d_ptr;
			break;
		case 35: /* DT_RELRSZ */
			size = d->d_un.d_val;
			break;
		case DT_NEEDED:
		case DT_TEXTREL:
		case DT_RELASZ:
		case DT_RELSZ:
		case DT_PLTRELSZ:
		case DT_INIT:
		case DT_INIT_ARRAY:
			return bad("it needs a dynamic linker");
		}
		if (d->d_tag == DT_NULL)
			break;
	}
	return relocate(h, i, relr, size);
}

/* protect makes read-only what only relocations write. */
static char *protect(const struct headers *h, const struct vm_image *i, const Elf64_Phdr *p)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t from = (p->p_vaddr + page - 1) & ~(page - 1), to = (p->p_vaddr + p->p_memsz) & ~(page - 1);

	if (!within(h, p->p_vaddr, p->p_memsz, PF_W))
		return bad("its read-only data");
	return from < to && mprotect(i->at + from, to - from, PROT_READ) != 0 ? refused("protect native code", errno) : NULL;
}

/* find_memory finds the place in the file of the memory's image. */
static char *find_memory(const struct headers *h, struct vm_image *i)
{
	const struct wasm_module *m = i->info->module;
	uint64_t at = (uint64_t)(m->image - i->at);

	if (m->image == NULL)
		return NULL;
	for (int k = 0; k < h->file.e_phnum; k++) {
		const Elf64_Phdr *p = &h->segments[k];
		if (p->p_type == PT_LOAD && at >= p->p_vaddr && at - p->p_vaddr <= p->p_filesz && m->image_len <= p->p_filesz - (at - p->p_vaddr)) {
			i->file_at = p->p_offset + (at - p->p_vaddr);
			if (i->file_at % ALIGN != 0 || m->image_at % ALIGN != 0 || m->image_len % ALIGN != 0 ||
				m->image_at + m->image_len > (uint64_t)m->memory_min * ALIGN)
				break;
			return NULL;
		}
	}
	return bad("its memory");
}

/* find_info finds the entry, and checks what the image says it is. */
static char *find_info(const struct headers *h, const uint8_t hash[32], struct vm_image *i)
{
	const struct wasm_image *w = (const struct wasm_image *)(i->at + h->file.e_entry);

	if (h->file.e_entry % _Alignof(struct wasm_image) != 0 || !within(h, h->file.e_entry, sizeof *w, PF_R) ||
		memcmp(w->magic, WASM_IMAGE_MAGIC, sizeof w->magic) != 0)
		return bad("its entry");
	if (w->format != WASM_IMAGE_FORMAT)
		return bad("it is of another format");
	if (!within(h, (uint64_t)((const char *)w->module - i->at), sizeof *w->module, PF_R) ||
		!within(h, (uint64_t)((const char *)w->host - i->at), sizeof *w->host, PF_W) ||
		!within(h, (uint64_t)((const char *)w->trap_site - i->at), 1, PF_X))
		return bad("its entry");
	if (memcmp(w->module->hash, hash, sizeof w->module->hash) != 0)
		return bad("it is made of another module");
	i->info = w;
	return find_memory(h, i);
}

static char *map(const struct vm_source *s, const struct headers *h, const uint8_t hash[32], struct vm_image *i)
{
	char *text = NULL;

	for (int k = 0; k < h->file.e_phnum && text == NULL; k++) {
		const Elf64_Phdr *p = &h->segments[k];
		if (p->p_type != PT_LOAD)
			continue;
		text = map_segment(s, i, p);
		if (p->p_flags & PF_X) {
			i->text_start = (uintptr_t)i->at + p->p_vaddr;
			i->text_end = i->text_start + p->p_memsz;
		}
	}
	for (int k = 0; k < h->file.e_phnum && text == NULL; k++)
		if (h->segments[k].p_type == PT_DYNAMIC)
			text = link_dynamic(h, i, &h->segments[k]);
	for (int k = 0; k < h->file.e_phnum && text == NULL; k++)
		if (h->segments[k].p_type == PT_GNU_RELRO)
			text = protect(h, i, &h->segments[k]);
	return text != NULL ? text : find_info(h, hash, i);
}

char *vm_image_map(const struct vm_source *s, const uint8_t hash[32], struct vm_image *i)
{
	struct headers h;
	char *text = read_headers(s, &h);

	if (text != NULL)
		return text;
	*i = (struct vm_image){.len = h.end};
	i->at = mmap(NULL, i->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (i->at == MAP_FAILED)
		return refused("address space for native code", errno);
	text = map(s, &h, hash, i);
	if (text != NULL)
		vm_image_unmap(i);
	return text;
}

void vm_image_unmap(struct vm_image *i)
{
	munmap(i->at, i->len);
}
