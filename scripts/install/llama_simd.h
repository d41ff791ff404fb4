/* Read before every C++ file of llama.cpp: what this compiler or llama.cpp gets wrong on Intel's newer server cores. */
#ifdef __AMX_TILE__
#include <immintrin.h>
/* GCC 12's own says that it reads 8 bytes, the processor reads 64: the optimizer drops the stores of the others, and the
   first product of two matrices is a general protection fault. */
#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg\t%X0" ::"m"(*(const char(*)[64])(config)))
#endif
/* With it, attention adds up values of 128 at a time in half precision; heads of 64 are all remainder, which is done one
   by one through a table: attention then is half of the time of a reply. Without it they are added 64 at a time. */
#undef __AVX512FP16__
