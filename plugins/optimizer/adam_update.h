/* The update of AdamW, which adamw applies to every parameter and muon to those that are no matrices of a hidden layer.
 * (Loshchilov & Hutter 2019, Algorithm 2), the same arithmetic as torch.optim.AdamW:
 *
 *     m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
 *     p = p (1 - lr wd) - lr (m / c1) / (sqrt(v / c2) + eps)
 *
 * with c = 1 - beta^t. Instead of a step count t, the state holds c itself, updated as
 * c = beta c + (1 - beta): the share of the moving average that has been filled. It is
 * exact at t = 1, where 1 - exp(t log beta) would cancel, and it is kept per slice, so
 * that slots appended by growth start with a bias correction of their own. */
#ifndef TFX_PLUGINS_ADAM_UPDATE_H
#define TFX_PLUGINS_ADAM_UPDATE_H

#include "tfx/optimizer.h"

enum { ADAM_M, ADAM_V, ADAM_C1, ADAM_C2, ADAM_N_STATES };

static inline void adam_states(tfx_dtype moments, tfx_state *const *out, size_t *n)
{
    *out[ADAM_M] = (tfx_state){sizeof(tfx_state), "m", TFX_STATE_LIKE_PARAM, moments, 1, 0};
    *out[ADAM_V] = (tfx_state){sizeof(tfx_state), "v", TFX_STATE_LIKE_PARAM, moments, 2, 0};
    *out[ADAM_C1] = (tfx_state){sizeof(tfx_state), "m_filled", TFX_STATE_PER_SLICE, TFX_F32, 0, 0};
    *out[ADAM_C2] = (tfx_state){sizeof(tfx_state), "v_filled", TFX_STATE_PER_SLICE, TFX_F32, 0, 0};
    *n = ADAM_N_STATES;
}

static inline void adam_update(const tfx_builder *b, tfx_update *u, double beta1, double beta2, double eps,
                               double decay)
{
    tfx_value c1 = b->affine(b, u->state[ADAM_C1], beta1, 1.0 - beta1);
    tfx_value c2 = b->affine(b, u->state[ADAM_C2], beta2, 1.0 - beta2);
    tfx_value m = b->add(b, b->affine(b, u->state[ADAM_M], beta1, 0.0), b->affine(b, u->grad, 1.0 - beta1, 0.0));
    tfx_value v = b->add(b, b->affine(b, u->state[ADAM_V], beta2, 0.0),
                         b->affine(b, b->mul(b, u->grad, u->grad), 1.0 - beta2, 0.0));
    tfx_value denominator = b->affine(b, b->unary(b, TFX_SQRT, b->div(b, v, c2)), 1.0, eps);
    tfx_value p = u->param;
    if (decay != 0)
        p = b->mul(b, p, b->affine(b, u->lr, -decay, 1.0));
    tfx_value step = b->div(b, b->mul(b, m, b->div(b, u->lr, c1)), denominator);

    u->new_param = b->sub(b, p, step);
    u->new_state[ADAM_M] = m;
    u->new_state[ADAM_V] = v;
    u->new_state[ADAM_C1] = c1;
    u->new_state[ADAM_C2] = c2;
}

#endif
