/* muon: momentum whose singular values are all brought near 1 (Jordan et al. 2024, "Muon: an optimizer for hidden layers in
 * neural networks"), for matrices of hidden layers:
 *
 *     m = momentum m + (1 - momentum) g      d = (1 - momentum) g + momentum m    or, without nesterov, m
 *     p = p (1 - lr wd) - lr scale orthogonal(d)
 *
 * Embeddings and output layers, which are indexed by tokens, and vectors have the update of AdamW, with the same lr times
 * adam_lr. The host knows which axis of which parameter is indexed; nothing is guessed from names or sizes.
 *
 * orthogonal(d) is an odd polynomial, applied `iterations` times to d / |d|, which takes every singular value from (0, 1] to somewhere
 * near 1 (between 0.7 and 1.2), where it stays: x <- a x + b (x x^T) x + c (x x^T)^2 x. So no decomposition is needed, only
 * matrix products, of the smaller one of both sides.
 *
 * With scale = rms, 0.2 sqrt(max(rows, columns)), updates are as large as those of AdamW usually are, so that one
 * learning rate fits both (Liu et al. 2025, "Muon is scalable for LLM training", equation 4). With scale = spectral,
 * sqrt(max(1, rows / columns)), it is that of the first release. */
#define TFX_NEEDS_MINOR 1
#include <math.h>
#include <string.h>

#include "adam_update.h"

static const char *const scales[] = {"rms", "spectral", NULL};

static const tfx_option options[] = {
    TFX_OPTION("momentum", TFX_OPT_REAL, "0.95", 0, 0.999999, NULL, "decay of the momentum"),
    TFX_OPTION("nesterov", TFX_OPT_BOOL, "true", 0, 0, NULL, "look ahead along the momentum"),
    TFX_OPTION("iterations", TFX_OPT_INT, "5", 1, 20, NULL, "of the polynomial that makes the momentum orthogonal"),
    TFX_OPTION("scale", TFX_OPT_CHOICE, "rms", 0, 0, scales,
               "of the orthogonal matrix: rms, as large as AdamW's updates; spectral, as in the first release"),
    TFX_OPTION("weight_decay", TFX_OPT_REAL, "0.1", 0, 10, NULL, "decoupled decay, on parameters of rank 2 and above"),
    TFX_OPTION("adam_lr", TFX_OPT_REAL, "1", 0, 1000, NULL, "what lr is multiplied by for what AdamW updates"),
    TFX_OPTION("beta1", TFX_OPT_REAL, "0.9", 0, 0.999999, NULL, "AdamW: decay of the first moment"),
    TFX_OPTION("beta2", TFX_OPT_REAL, "0.95", 0, 0.999999, NULL, "AdamW: decay of the second moment"),
    TFX_OPTION("eps", TFX_OPT_REAL, "1e-8", 0, 1, NULL, "AdamW: added to the root of the second moment"),
};

static int is_hidden_matrix(const tfx_param_info *p)
{
    return p->n_dims == 2 && p->dims[0] > 1 && p->dims[1] > 1 && !((p->marks[0] | p->marks[1]) & TFX_AXIS_INDEXED);
}

static tfx_status states_for(const tfx_host *h, const tfx_options *o, const tfx_param_info *p, tfx_state *const *out,
                             size_t *n)
{
    (void)h, (void)o;
    if (!is_hidden_matrix(p)) {
        adam_states(TFX_F32, out, n);
        return TFX_OK;
    }
    *out[0] = (tfx_state){sizeof(tfx_state), "m", TFX_STATE_LIKE_PARAM, TFX_F32, 1, 0};
    *n = 1;
    return TFX_OK;
}

/* A matrix of the same singular vectors as d whose singular values are near 1; zero of zero. Of the products of d with itself
 * the smaller one is taken. */
static tfx_value orthogonal(const tfx_builder *b, tfx_value d, int wide, int64_t iterations)
{
    static const double a = 3.4445, b1 = -4.7750, c = 2.0315;
    int axes[2] = {0, 1};
    tfx_value size = b->unary(b, TFX_SQRT, b->sum(b, b->mul(b, d, d), 2, axes, 1));
    tfx_value x = b->div(b, d, b->affine(b, size, 1.0, 1e-7));
    for (int64_t i = 0; i < iterations; i++) {
        tfx_value square = b->matmul(b, x, x, wide ? TFX_TRANS_B : TFX_TRANS_A, 1.0);
        tfx_value mix = b->add(b, b->affine(b, square, b1, 0.0), b->matmul(b, square, square, 0, c));
        tfx_value turned = wide ? b->matmul(b, mix, x, 0, 1.0) : b->matmul(b, x, mix, 0, 1.0);
        x = b->add(b, b->affine(b, x, a, 0.0), turned);
    }
    return x;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    const tfx_host *h = b->host;
    double decay = u->decay ? h->opt_real(h, u->options, "weight_decay") : 0;
    if (!is_hidden_matrix(u->info)) {
        u->lr = b->affine(b, u->lr, h->opt_real(h, u->options, "adam_lr"), 0.0);
        adam_update(b, u, h->opt_real(h, u->options, "beta1"), h->opt_real(h, u->options, "beta2"),
                    h->opt_real(h, u->options, "eps"), decay);
        return TFX_OK;
    }
    double momentum = h->opt_real(h, u->options, "momentum");
    double rows = (double)u->info->dims[0], columns = (double)u->info->dims[1];
    double scale = strcmp(h->opt_string(h, u->options, "scale"), "rms") ? sqrt(fmax(1.0, rows / columns))
                                                                        : 0.2 * sqrt(fmax(rows, columns));
    tfx_value g = b->affine(b, u->grad, 1.0 - momentum, 0.0);
    tfx_value m = b->add(b, b->affine(b, u->state[0], momentum, 0.0), g);
    tfx_value d = h->opt_bool(h, u->options, "nesterov") ? b->add(b, g, b->affine(b, m, momentum, 0.0)) : m;
    tfx_value o = orthogonal(b, d, rows <= columns, h->opt_int(h, u->options, "iterations"));
    tfx_value p = decay == 0 ? u->param : b->mul(b, u->param, b->affine(b, u->lr, -decay, 1.0));
    u->new_param = b->sub(b, p, b->mul(b, b->affine(b, o, scale, 0.0), u->lr));
    u->new_state[0] = m;
    return TFX_OK;
}

static const tfx_optimizer_class optimizer = {
    sizeof(tfx_optimizer_class),
    "muon",
    "orthogonal momentum for matrices, AdamW for the rest",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    build_update,
    states_for,
};

TFX_PLUGIN("muon", "1.0.0", "orthogonal momentum for matrices, AdamW for the rest", TFX_KIND_OPTIMIZER, &optimizer);
