/* tfx plugin ABI: compute backends.
 *
 * A backend owns memory and executes programs on one device. The host decides the order of
 * execution and every offset; the backend decides how each step is computed.
 */
#ifndef TFX_BACKEND_H
#define TFX_BACKEND_H

#include "host.h"
#include "ir.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Capability bits. */
enum {
    TFX_BACKEND_FUSES_POINTWISE = 1u << 0, /* accepts fused steps */
    TFX_BACKEND_BF16 = 1u << 1,            /* since minor 1: a and b of MATMUL, q, k and v of ATTENTION, and q, k,
                                  v, o and do of ATTENTION_GRAD may be bf16, all of a node's or none;
                                  what it adds and its results are f32 all the same */
    TFX_BACKEND_FUSES_ROWS = 1u << 2,      /* since minor 1: fused steps may have ops on rows: ir.h */
    TFX_BACKEND_ATTENTION = 1u << 3,       /* since minor 1: attention of every kind: ir.h */
    TFX_BACKEND_KERNELS = 1u << 4          /* since minor 1: kernels of custom ops with several results, phases or
                                  scratch memory: op.h, and tfx_node in ir.h */
};

typedef struct tfx_backend tfx_backend; /* an instance; the plugin's own type */
typedef struct tfx_buffer tfx_buffer;   /* device memory; the plugin's own type */
typedef struct tfx_exec tfx_exec;       /* a compiled program; the plugin's own type */

typedef struct tfx_backend_class {
    size_t struct_size;
    const char *name;
    const char *summary;
    const char *device; /* what kernels of custom ops name, e.g. "cpu" */
    uint32_t capabilities;
    const tfx_option *options;
    size_t n_options;

    /* [main] One instance per process. */
    tfx_status (*open)(const tfx_host *host, const tfx_options *options, tfx_backend **out);
    /* [main] After every buffer and exec is destroyed. */
    void (*close)(tfx_backend *b);
    /* [main] Libraries, kernels and threads in use, e.g. "OpenBLAS 0.3.21 (Cooperlake),
     * 2 threads". Lives as long as b. */
    const char *(*describe)(const tfx_backend *b);
    /* [main] Bytes a program may use on this device. */
    uint64_t (*memory)(const tfx_backend *b);
    /* [main] Sustained f32 matrix FLOP/s, measured now in well under a second. */
    double (*measure_flops)(tfx_backend *b);

    /* [main] Zero-filled device memory, allocated and touched once. Fails with
     * TFX_E_MEMORY. */
    tfx_status (*buffer_create)(tfx_backend *b, uint64_t bytes, tfx_buffer **out);
    /* [main] */
    void (*buffer_destroy)(tfx_backend *b, tfx_buffer *buf);
    /* [main] Copies n bytes from host memory to buf at offset, and back. */
    void (*upload)(tfx_backend *b, tfx_buffer *buf, uint64_t offset, const void *src, size_t n);
    /* [main] */
    void (*download)(tfx_backend *b, const tfx_buffer *buf, uint64_t offset, void *dst, size_t n);

    /* [main] Whether this node, with these operands, can be executed. */
    int (*supports)(const tfx_backend *b, const tfx_program *p, const tfx_node *node);
    /* [main] Bytes of scratch memory that executing p will need besides its buffers. */
    uint64_t (*workspace)(const tfx_backend *b, const tfx_program *p);
    /* [main] Prepares p. Keeps the pointer: p outlives the exec. */
    tfx_status (*compile)(tfx_backend *b, const tfx_program *p, tfx_exec **out);
    /* [main] */
    void (*exec_destroy)(tfx_exec *e);
    /* [main] Executes every step in order and returns when done. `state` and `arena` have
     * at least p->state_bytes and p->arena_bytes. The same program on the same data with
     * the same number of threads gives the same bits. */
    tfx_status (*run)(tfx_exec *e, tfx_buffer *state, tfx_buffer *arena);
    /* [main] Seconds spent in each step, added up over all runs so far: fills
     * seconds[0..p->n_steps). */
    void (*profile)(const tfx_exec *e, double *seconds);
#if TFX_NEEDS_MINOR >= 1
    /* [main] As measure_flops, of products of bf16 operands. NULL: they are as fast as those of f32. */
    double (*measure_bf16_flops)(tfx_backend *b);
#endif
} tfx_backend_class;

#ifdef __cplusplus
}
#endif
#endif
