#include "framework/plan/clip.h"

#include <math.h>

/* max(x, limit) of x >= 0 by ops that every backend of ABI 1.0 has. Nothing cancels: where x is the larger one,
 * x - limit and the sum are of its size, so each rounds by no more than x does. NaN stays NaN. */
static tfx_value at_least(tfx_graph *g, tfx_value x, double limit)
{
    return tfx_emit_affine(g, tfx_emit_unary(g, TFX_RELU, tfx_emit_affine(g, x, 1.0, -limit)), 1.0, limit);
}

/* Adds the sum of squares of x to total. */
static tfx_value add_squares(tfx_graph *g, tfx_value total, tfx_value x)
{
    tfx_value square = tfx_emit_binary(g, TFX_OP_MUL, x, x);
    uint32_t all = (1u << g->values[square].n_dims) - 1;
    return tfx_emit_binary(g, TFX_OP_ADD, total, tfx_emit_sum(g, square, all, 0));
}

/* A square leaves the range of f32 where the number itself is far from it: above 1.8e19 and below 1e-19. So
 * squares are summed at two scales, in one pass over each gradient:
 *
 *     low    sum (2^24 g)^2     exact up to a norm of 2^40, infinite from there on
 *     high   sum (2^-40 g)^2    exact where elements of more than 2^-23 make up the norm, up to 2^103
 *
 * and the norm is min(norm by low, 2^32) max(1, norm by high / 2^32), where one factor or the other is
 * idle. The minimum is taken of 1/norm: that is 0 where `low` is infinite, whereas infinity minus
 * infinity would be NaN. */
#define LOW 0x1p24
#define HIGH 0x1p-40
#define SEAM 0x1p32

tfx_value tfx_grad_norm(tfx_graph *g, const tfx_value *grads, uint32_t n)
{
    tfx_value low = tfx_emit_constant(g, 0.0, 0, NULL), high = low;
    for (uint32_t i = 0; i < n; i++) {
        tfx_value x = tfx_emit_affine(g, grads[i], LOW, 0.0);
        low = add_squares(g, low, x);
        high = add_squares(g, high, tfx_emit_affine(g, x, HIGH / LOW, 0.0));
    }
    tfx_value inverse = tfx_emit_affine(g, tfx_emit_unary(g, TFX_RSQRT, low), LOW, 0.0);
    tfx_value up_to_seam = tfx_emit_binary(g, TFX_OP_DIV, tfx_emit_constant(g, 1.0, 0, NULL),
                                           at_least(g, inverse, 1.0 / SEAM));
    tfx_value in_seams = tfx_emit_affine(g, tfx_emit_unary(g, TFX_SQRT, high), 1.0 / (HIGH * SEAM), 0.0);
    tfx_value beyond = at_least(g, in_seams, 1.0);
    return tfx_emit_binary(g, TFX_OP_MUL, up_to_seam, beyond);
}

tfx_value tfx_clip_factor(tfx_graph *g, tfx_value norm, double clip)
{
    /* A limit that is infinite or 0 in f32 would divide itself to NaN. */
    clip = fmin(fmax(clip, 0x1p-126), 0x1p126);
    return tfx_emit_binary(g, TFX_OP_DIV, tfx_emit_constant(g, clip, 0, NULL), at_least(g, norm, clip));
}
