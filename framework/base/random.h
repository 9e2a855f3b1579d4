/* Counter-based random numbers: see tfx_host.random_u64 in include/tfx/host.h. */
#ifndef TFX_BASE_RANDOM_H
#define TFX_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* A block of Philox4x32-10. */
void tfx_random_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);
uint64_t tfx_random_u64(uint64_t seed, uint64_t stream, uint64_t index);
void tfx_random_normal(uint64_t seed, uint64_t stream, uint64_t first, size_t n, double mean, double std, float *out);

/* A stream number from a name, e.g. a parameter path (FNV-1a). */
uint64_t tfx_random_stream(const char *name);

#endif
