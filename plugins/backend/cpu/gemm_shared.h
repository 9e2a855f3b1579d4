/* Own matrix products by all threads. */
#ifndef TFX_CPU_GEMM_SHARED_H
#define TFX_CPU_GEMM_SHARED_H

#include "gemm_blocks.h"

/* How products of m by n with k terms are divided. */
typedef struct tfx_cpu_shared {
    tfx_cpu_terms terms;
    int over_rows;           /* tasks are rows, and b is shared; or else columns, and a is */
    int64_t round, n_rounds; /* blocks of terms of a round */
    uint64_t block;          /* packed elements from block to block */
    int64_t n_pack, n_tasks; /* per round */
    int64_t grain, part;     /* lines that tasks are multiples of, and of which each packs `part` at a time */
    uint64_t wide;           /* where in scratch memory that of widening begins, in elements */
    uint64_t shared_bytes, scratch_bytes;
} tfx_cpu_shared;

/* m, n and k are at least 1, and g computes by tiles. */
tfx_cpu_shared tfx_cpu_share(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k, int n_threads);

/* For each round: pack's tasks 0 .. n_pack-1, and when all are done multiply's tasks 0 .. n_tasks-1. `shared` is one for all threads,
 * `scratch` each thread's own, both 64-byte aligned. */
void tfx_cpu_shared_pack(const tfx_cpu_shared *s, const tfx_cpu_matmul *p, int64_t round, int64_t task,
                         uint32_t *shared, uint32_t *scratch);
void tfx_cpu_shared_multiply(const tfx_cpu_shared *s, const tfx_cpu_matmul *p, int64_t round, int64_t task,
                             const uint32_t *shared, uint32_t *scratch);

#endif
