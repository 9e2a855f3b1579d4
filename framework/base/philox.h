/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Key = seed, counter = (index, stream).
 * Inline, so that loops over it vectorise. */
#ifndef TFX_BASE_PHILOX_H
#define TFX_BASE_PHILOX_H

#include <stdint.h>

/* One block; `index` in two halves. */
static inline __attribute__((always_inline)) void tfx_philox(uint64_t seed, uint64_t stream, uint32_t index_low,
                                                             uint32_t index_high, uint32_t out[4])
{
    uint32_t c0 = index_low, c1 = index_high;
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

#endif
