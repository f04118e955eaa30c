#ifndef GUEST_SIMD_H
#define GUEST_SIMD_H

/*
 * The instructions of SSE2 that PostgreSQL's port/simd.h uses, by WebAssembly's
 * of the same meaning (patches/postgres/simd.patch).
 */
#include <wasm_simd128.h>

typedef v128_t __m128i;

#define _mm_loadu_si128(p) wasm_v128_load(p)
#define _mm_set1_epi8(c) wasm_u8x16_splat(c)
#define _mm_set1_epi32(c) wasm_u32x4_splat(c)
#define _mm_movemask_epi8(v) wasm_i8x16_bitmask(v)
#define _mm_or_si128(a, b) wasm_v128_or(a, b)
#define _mm_subs_epu8(a, b) wasm_u8x16_sub_sat(a, b)
#define _mm_cmpeq_epi8(a, b) wasm_i8x16_eq(a, b)
#define _mm_cmpeq_epi32(a, b) wasm_i32x4_eq(a, b)
#define _mm_min_epu8(a, b) wasm_u8x16_min(a, b)

#endif
