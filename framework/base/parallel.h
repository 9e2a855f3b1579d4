/* Parallel loops on the host, for work outside the backend (initialising parameters). */
#ifndef TFX_BASE_PARALLEL_H
#define TFX_BASE_PARALLEL_H

#include <stdint.h>

/* How many cores this process may use: 1 or more. */
int tfx_usable_cores(void);

/* Calls work(ctx, first, n) for disjoint ranges that cover 0..total, from as many threads
 * as the process may use, and returns when all are done. Ranges are at least `grain` long
 * but for the last; what a range computes must not depend on where it starts. */
void tfx_parallel_ranges(uint64_t total, uint64_t grain, void (*work)(void *ctx, uint64_t first, uint64_t n),
                         void *ctx);

#endif
