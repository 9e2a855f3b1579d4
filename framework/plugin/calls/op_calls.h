/* Calls of custom ops; see call.h. */
#ifndef TFX_PLUGIN_OP_CALLS_H
#define TFX_PLUGIN_OP_CALLS_H

#include "framework/plugin/calls/call.h"
#include "tfx/op.h"

/* What a class has, whether it is one of several results or not. */
uint32_t tfx_op_n_results(const tfx_op_class *cls);
int tfx_op_has_vjp(const tfx_op_class *cls);
/* Its kernel for a device; NULL: it has none. */
const tfx_kernel *tfx_op_kernel(const tfx_op_class *cls, const char *device);
/* Whether backends need TFX_BACKEND_KERNELS for it. */
int tfx_op_kernel_is_special(const tfx_op_class *cls, const tfx_kernel *kernel);

/* The shapes of the results, out[0 .. tfx_op_n_results): ranks and dims are checked. */
tfx_status tfx_call_op_infer(const tfx_op_class *cls, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                             const double *reals, tfx_tensor *out, tfx_error *err);
/* That the class counts for operands of those shapes; 0 where it counts none. */
double tfx_call_op_flops(const tfx_op_class *cls, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                         const double *reals, tfx_error *err);
/* Sets all results to values of b's graph, or to TFX_POISON with the reason given to b->error. */
void tfx_call_op_lower(const tfx_op_class *cls, const tfx_builder *b, uint32_t n_in, const tfx_value *in,
                       const int64_t *ints, const double *reals, tfx_value *out);
/* dx[i] is TFX_POISON or has the shape of in[i]; where that fails, the reason is given to b->error. Only
 * for classes that have a vjp. */
void tfx_call_op_vjp(const tfx_op_class *cls, const tfx_builder *b, uint32_t n_in, const tfx_value *in,
                     const tfx_value *out, const tfx_value *dy, const int64_t *ints, const double *reals,
                     tfx_value *dx);
/* Bytes that a kernel asks for, shared by all parts or for each of them; 0 where it asks for none. */
uint64_t tfx_call_kernel_scratch(const tfx_op_class *cls, const tfx_kernel *kernel, uint32_t n_in,
                                 const tfx_tensor *const *in, const int64_t *ints, const double *reals, tfx_error *err);
uint64_t tfx_call_kernel_part_scratch(const tfx_op_class *cls, const tfx_kernel *kernel, uint32_t n_in,
                                      const tfx_tensor *const *in, const int64_t *ints, const double *reals,
                                      tfx_error *err);

/* One share of the work of a kernel of the class, on host memory. Backends call kernels by themselves. [any] */
void tfx_call_kernel_run(const tfx_op_class *cls, const tfx_kernel *kernel, const tfx_kernel_args *args);

#endif
