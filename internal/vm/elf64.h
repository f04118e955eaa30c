/* What native_map.c needs of ELF (System V ABI, chapters 4 and 5), under the names of <elf.h>, which macOS does not have. */
#ifndef ELF64_H
#define ELF64_H

#ifdef __linux__
#include <elf.h>
#else
#include <stdint.h>

enum { EI_NIDENT = 16, ELFCLASS64 = 2, ELFDATA2LSB = 1, EV_CURRENT = 1, ET_DYN = 3, EM_X86_64 = 62, EM_AARCH64 = 183 };

typedef struct {
	unsigned char e_ident[EI_NIDENT];
	uint16_t e_type, e_machine;
	uint32_t e_version;
	uint64_t e_entry, e_phoff, e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
} Elf64_Ehdr;

enum { PT_LOAD = 1, PT_DYNAMIC = 2, PT_GNU_RELRO = 0x6474e552, PF_X = 1, PF_W = 2, PF_R = 4 };

typedef struct {
	uint32_t p_type, p_flags;
	uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
} Elf64_Phdr;

enum {
	DT_NULL = 0, DT_NEEDED = 1, DT_PLTRELSZ = 2, DT_RELASZ = 8, DT_INIT = 12, DT_RELSZ = 18, DT_TEXTREL = 22, DT_INIT_ARRAY = 25,
};

typedef struct {
	int64_t d_tag;
	union { uint64_t d_val, d_ptr; } d_un;
} Elf64_Dyn;

#endif
#endif /* ELF64_H */
