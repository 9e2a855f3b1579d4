/* tfx plugin ABI: custom ops.
 *
 * A custom op is what a layer author writes when the op set is too slow for an idea: a
 * kernel, together with its meaning in core ops. `lower` is the reference, the fallback on
 * every device without a kernel, and, unless `vjp` is given, the source of the gradient.
 */
#ifndef TFX_OP_H
#define TFX_OP_H

#include "graph.h"
#include "ir.h"

#ifdef __cplusplus
extern "C" {
#endif

#if TFX_NEEDS_MINOR >= 1
/* The most results that a custom op can have. */
#define TFX_MAX_OP_RESULTS 8
#endif

/* Operands, attributes and results of one kernel call. Pointers are into device memory. */
typedef struct tfx_kernel_args {
    size_t struct_size;
    uint32_t n_in;
    const void *const *in;
    const tfx_tensor *const *in_info;
    void *out; /* result 0 */
    const tfx_tensor *out_info;
    const int64_t *ints;
    const double *reals;
    uint32_t part, n_parts; /* do the part-th of n_parts equal shares of the work; calls
                               for different parts run at the same time */
#if TFX_NEEDS_MINOR >= 1
    /* Since 1.1. All results; where there are several, one that nothing reads is NULL and need not be computed (there is
     * one at least that is not). */
    uint32_t n_out;
    void *const *outs;
    const tfx_tensor *const *outs_info;
    uint32_t phase;     /* of the kernel's n_phases, from 0 on */
    void *scratch;      /* the bytes that the kernel's `scratch` asked for, one area for all parts and phases */
    void *part_scratch; /* those of `part_scratch`: this call's own, undefined in every phase anew */
#endif
} tfx_kernel_args;

typedef struct tfx_kernel {
    size_t struct_size;
    const char *device; /* the backend's `device`, e.g. "cpu" */
    /* [compute] Must not fail: everything is checked in infer. */
    void (*run)(const tfx_kernel_args *args);
#if TFX_NEEDS_MINOR >= 1
    /* Since 1.1, optional. An op whose kernel has one of these is lowered on backends without TFX_BACKEND_KERNELS. */

    /* How often the parts are run: all of one phase are done before the next begins, so that what one wrote to a result
     * or to `scratch` can be read by all in the next. 0: once. */
    uint32_t n_phases;
    /* [main] Bytes of memory, a multiple of 64 from which on they are placed, that all parts share from the first phase to the last;
     * what is in it at first is undefined. The host plans it as it plans activations. */
    uint64_t (*scratch)(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals);
    /* [main] Bytes of memory for each part that is at work, placed likewise; the backend has it. */
    uint64_t (*part_scratch)(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals);
#endif
} tfx_kernel;

typedef struct tfx_op_class {
    size_t struct_size;
    const char *id; /* "author.name/version" */
    const char *summary;

    /* [main] Checks operands and attributes; fills dims (capacity TFX_MAX_DIMS) and n_dims of the f32
     * result. */
    tfx_status (*infer)(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                        const double *reals, uint32_t *n_dims, int64_t *dims);
    /* [main] The same result in core ops. */
    tfx_value (*lower)(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                       const double *reals);
    /* [main] Optional (NULL): writes to dx[i] the gradient with respect to in[i], or
     * TFX_POISON where there is none. Without it, graphs that need a gradient use lower. */
    tfx_status (*vjp)(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                      const int64_t *ints, const double *reals, tfx_value *dx);

    const tfx_kernel *const *kernels; /* ends with NULL */
#if TFX_NEEDS_MINOR >= 1
    /* [main] Since 1.1, optional: floating-point operations of matrix products that computing the result takes, as they are
     * counted for ops of the host: 2 for each multiplication with its addition. NULL: none count. Where the op is lowered,
     * what it is lowered to counts. */
    double (*flops)(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals);

    /* Since 1.1, optional: an op with several results, all f32, which `custom_results` builds. Then the three functions here
     * stand in place of infer, lower and vjp, which may be NULL. 0: one result. */
    uint32_t n_results; /* at most TFX_MAX_OP_RESULTS */
    /* [main] As infer: fills n_dims and dims of *out[0 .. n_results). */
    tfx_status (*infer_results)(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                                const double *reals, tfx_tensor *const *out);
    /* [main] As lower: sets out[0 .. n_results), which are TFX_POISON at first. */
    tfx_status (*lower_results)(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                                const double *reals, tfx_value *out);
    /* [main] As vjp, and optional, too. dy[k] is TFX_POISON where nothing depends on result k. */
    tfx_status (*vjp_results)(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const tfx_value *out,
                              const tfx_value *dy, const int64_t *ints, const double *reals, tfx_value *dx);
#endif
} tfx_op_class;

#ifdef __cplusplus
}
#endif
#endif
