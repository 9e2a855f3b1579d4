/* What the layer pattention and its custom ops share: the formula in core ops, and the two classes. */
#ifndef TFX_PATTENTION_OP_H
#define TFX_PATTENTION_OP_H

#include "tfx/layer.h"
#include "tfx/op.h"

/* gelu(tau a / sqrt(sum_j a_j^2 + eps)), row by row. */
static inline tfx_value pattention_scores(const tfx_builder *b, tfx_value a, tfx_value tau, tfx_unary gelu, double eps)
{
    return b->unary(b, gelu, b->mul(b, b->norm(b, TFX_NORM_L2, a, eps), tau));
}

/* y, a = Pattention of x [..., d], key [n, d], value [n, m] and the single number tau: a = x key^T [..., n] are the scores before
 * they are normalised, y [..., m] the result. ints[0]: 0 for the exact GELU, 1 for its tanh approximation;
 * reals[0]: eps. */
#define PATTENTION_OP "tfx.pattention/1"
/* Its adjoint: dx, dkey, dvalue, dtau of x, key, value, tau, a and dy. */
#define PATTENTION_GRAD_OP "tfx.pattention_grad/1"

extern const tfx_op_class pattention_op, pattention_grad_op;

#endif
