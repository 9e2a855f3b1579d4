/* Row primitives of the softmax family, shared by SOFTMAX, ATTENTION and CROSS_ENTROPY. */
#ifndef TFX_CPU_SOFTMAX_H
#define TFX_CPU_SOFTMAX_H

#include <stdint.h>

float tfx_cpu_row_max(int64_t n, const float *x); /* -inf for n = 0 */
/* out[i] = exp(x[i] - shift), where no x is much larger than shift; returns their sum. out
 * may be x. */
double tfx_cpu_row_exp(int64_t n, const float *x, float shift, float *out);
/* log(sum(exp(x))) */
double tfx_cpu_row_lse(int64_t n, const float *x);
void tfx_cpu_row_scale(int64_t n, float *x, float scale);

#endif
