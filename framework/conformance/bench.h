/* Bench: a small graph with numbers in its state tensors, and programs of it on a backend. */
#ifndef TFX_CONFORMANCE_BENCH_H
#define TFX_CONFORMANCE_BENCH_H

#include "framework/graph/placement.h"
#include "framework/plugin/registry.h"
#include "tfx/backend.h"

typedef struct tfx_bench {
    const tfx_registry *registry;
    const tfx_backend_class *cls;
    tfx_backend *backend;
    tfx_state_layout state;
    tfx_graph g;
    char *image; /* of the state, on the host */
    uint64_t image_bytes;
    tfx_error *err;
} tfx_bench;

/* Opens the backend `cls` (NULL: the one called cpu) with so many threads (0: as it likes). */
tfx_status tfx_bench_open(tfx_bench *b, const tfx_registry *registry, const tfx_backend_class *cls, int threads,
                          tfx_error *err);
void tfx_bench_close(tfx_bench *b);
/* Forgets graph and state, and starts new ones; `kernels`: custom ops use theirs, else they are lowered. */
void tfx_bench_clear(tfx_bench *b, int training, int kernels);

/* A new state tensor, called `name`; its value in the graph. */
tfx_value tfx_bench_tensor(tfx_bench *b, tfx_state_kind kind, const char *name, tfx_dtype dtype, uint32_t n_dims,
                           const int64_t *dims);
/* The key of dropout masks, which graphs for training need. */
void tfx_bench_dropout_key(tfx_bench *b);

/* Host data of a tensor; the image is made, or extended with zeros, when it is asked for. Valid until the next tensor. */
void *tfx_bench_data(tfx_bench *b, uint32_t tensor);
/* A state tensor's index by its value. */
uint32_t tfx_bench_index(const tfx_bench *b, tfx_value v);
/* Multiples of 1/256 in [lo, hi] as a function of (seed, name, index). */
void tfx_bench_fill(tfx_bench *b, uint32_t tensor, uint64_t seed, double lo, double hi);
/* Fills an i32 tensor with numbers from 0 to n - 1. */
void tfx_bench_fill_tokens(tfx_bench *b, uint32_t tensor, uint64_t seed, int64_t n);
/* Gives parameters numbers for which nothing is special: what is constant at first gets that and a bit, what is random numbers
 * of the size of 0.5; fixed ones what they start with. */
void tfx_bench_fill_params(tfx_bench *b, uint64_t seed);

typedef struct tfx_bench_program {
    tfx_placement *placement;
    tfx_exec *exec;
    tfx_buffer *state, *arena;
} tfx_bench_program;

/* Plans and compiles what outputs[0..n) and the stores of the graph need; errors go to b->err. */
tfx_status tfx_bench_compile(tfx_bench *b, tfx_bench_program *p, const tfx_value *outputs, uint32_t n, int fuse);
/* Runs on the image, which gets what the program leaves there. The arena holds NaN before. */
tfx_status tfx_bench_execute(tfx_bench *b, tfx_bench_program *p);
uint64_t tfx_bench_count(const tfx_bench_program *p, uint32_t output);
void tfx_bench_output(tfx_bench *b, const tfx_bench_program *p, uint32_t output, float *dst);
void tfx_bench_program_finish(tfx_bench *b, tfx_bench_program *p);

/* All three at once: the outputs one after the other, on the heap; NULL with an error. */
float *tfx_bench_compute(tfx_bench *b, const tfx_value *outputs, uint32_t n, uint64_t *count);

/* The first element of x that is not finite; n: none. */
uint64_t tfx_first_not_finite(const float *x, uint64_t n);
/* The first bit that differs, as an element; n: none. */
uint64_t tfx_first_difference(const float *x, const float *y, uint64_t n);

#endif
