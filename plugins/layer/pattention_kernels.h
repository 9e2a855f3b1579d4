/* Kernels of Pattention for the CPU, with the tiles of the backend's matrix products. Internal to the plugin and its tests. */
#ifndef TFX_PATTENTION_KERNELS_H
#define TFX_PATTENTION_KERNELS_H

#include "tfx/op.h"

/* For the fastest instructions of this processor, which are asked for at run time; end with NULL. Empty where there are no
 * tiles but those in portable C, which are slower than the same in core ops. */
extern const tfx_kernel *const pattention_kernels[], *const pattention_grad_kernels[];

struct tfx_cpu_tiles;
/* A call of a kernel, with the tiles given: all compute the same bits. */
void pattention_run(const tfx_kernel_args *args, const struct tfx_cpu_tiles *tiles);
void pattention_grad_run(const tfx_kernel_args *args, const struct tfx_cpu_tiles *tiles);
/* Bytes of memory that they want, whichever the tiles are. */
uint64_t pattention_scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals);
uint64_t pattention_part_scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals);
uint64_t pattention_grad_scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals);
uint64_t pattention_grad_part_scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                                      const double *reals);

#endif
