/* Calls of custom ops; see call.h. */
#ifndef TFX_PLUGIN_OP_CALLS_H
#define TFX_PLUGIN_OP_CALLS_H

#include "framework/plugin/calls/call.h"
#include "tfx/op.h"

/* The shape of the result: rank and dims are checked. */
tfx_status tfx_call_op_infer(const tfx_op_class *cls, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                             const double *reals, uint32_t *n_dims, int64_t dims[TFX_MAX_DIMS], tfx_error *err);
/* That the class counts for operands of those shapes; 0 where it counts none. */
double tfx_call_op_flops(const tfx_op_class *cls, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                         const double *reals, tfx_error *err);
/* A value of b's graph, or TFX_POISON with the reason given to b->error. */
tfx_value tfx_call_op_lower(const tfx_op_class *cls, const tfx_builder *b, uint32_t n_in, const tfx_value *in,
                            const int64_t *ints, const double *reals);
/* dx[i] is TFX_POISON or has the shape of in[i]; where that fails, the reason is given to b->error. Only
 * for classes that have a vjp. */
void tfx_call_op_vjp(const tfx_op_class *cls, const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out,
                     tfx_value dy, const int64_t *ints, const double *reals, tfx_value *dx);

/* One share of the work of a kernel of the class, on host memory. Backends call kernels by themselves. [any] */
void tfx_call_kernel_run(const tfx_op_class *cls, const tfx_kernel *kernel, const tfx_kernel_args *args);

#endif
