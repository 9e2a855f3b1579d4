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

/* Operands, attributes and result of one kernel call. Pointers are into device memory. */
typedef struct tfx_kernel_args {
    size_t struct_size;
    uint32_t n_in;
    const void *const *in;
    const tfx_tensor *const *in_info;
    void *out;
    const tfx_tensor *out_info;
    const int64_t *ints;
    const double *reals;
    uint32_t part, n_parts; /* do the part-th of n_parts equal shares of the work; calls
                               for different parts run at the same time */
} tfx_kernel_args;

typedef struct tfx_kernel {
    size_t struct_size;
    const char *device; /* the backend's `device`, e.g. "cpu" */
    /* [compute] Must not fail: everything is checked in infer. */
    void (*run)(const tfx_kernel_args *args);
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
#endif
} tfx_op_class;

#ifdef __cplusplus
}
#endif
#endif
