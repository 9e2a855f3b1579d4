/* adafactor: second moments of a matrix as those of its rows and columns (Shazeer & Stern 2018, "Adafactor: adaptive learning
 * rates with sublinear memory cost"), the same arithmetic as torch.optim.Adafactor:
 *
 *     beta = 1 - t^decay_rate
 *     r = beta r + (1 - beta) mean over columns of g^2       c = beta c + (1 - beta) mean over rows of g^2
 *     v = r c / mean(r)                                       of vectors v = beta v + (1 - beta) g^2
 *     u = g / sqrt(v)                                         u = u / max(1, rms(u) / clip)
 *     p = p (1 - lr wd) - max(eps, rms(p)) min(lr, 1 / sqrt(t)) u
 *
 * Of a parameter of rank 3 and above, too, v is kept whole. It is 1e-30 at least, as in the paper; PyTorch's is 1.4e-14 unless told
 * otherwise. */
#define TFX_NEEDS_MINOR 1
#include "tfx/optimizer.h"

enum { T, R, C };

static const tfx_option options[] = {
    TFX_OPTION("decay_rate", TFX_OPT_REAL, "-0.8", -10, 0, NULL, "exponent of the step in 1 - beta"),
    TFX_OPTION("eps", TFX_OPT_REAL, "1e-3", 0, 1, NULL, "least rms of a parameter that its step is a multiple of"),
    TFX_OPTION("clip", TFX_OPT_REAL, "1", 1e-6, 1e6, NULL, "largest rms of an update before lr"),
    TFX_OPTION("weight_decay", TFX_OPT_REAL, "0", 0, 10, NULL, "decoupled decay, on parameters of rank 2 and above"),
};

static tfx_status states_for(const tfx_host *h, const tfx_options *o, const tfx_param_info *p, tfx_state *const *out,
                             size_t *n)
{
    (void)h, (void)o;
    *out[T] = (tfx_state){sizeof(tfx_state), "t", TFX_STATE_SCALAR, TFX_F32, 0, 0};
    if (p->n_dims == 2) {
        *out[R] = (tfx_state){sizeof(tfx_state), "rows", TFX_STATE_ALONG_AXIS, TFX_F32, 0, 0};
        *out[C] = (tfx_state){sizeof(tfx_state), "columns", TFX_STATE_ALONG_AXIS, TFX_F32, 0, 1};
    } else {
        *out[R] = (tfx_state){sizeof(tfx_state), "v", TFX_STATE_LIKE_PARAM, TFX_F32, 2, 0};
    }
    *n = p->n_dims == 2 ? 3 : 2;
    return TFX_OK;
}

/* The mean over some axes, kept as 1. */
static tfx_value mean(const tfx_builder *b, tfx_value x, uint32_t n, const int *axes)
{
    double count = 1;
    for (uint32_t i = 0; i < n; i++)
        count *= (double)b->dim_of(b, x, axes[i]);
    return b->affine(b, b->sum(b, x, n, axes, 1), 1.0 / count, 0.0);
}

static tfx_value rms(const tfx_builder *b, tfx_value x)
{
    static const int all[TFX_MAX_DIMS] = {0, 1, 2, 3, 4, 5, 6, 7};
    return b->unary(b, TFX_SQRT, mean(b, b->mul(b, x, x), b->rank(b, x), all));
}

/* old + share (x - old) */
static tfx_value move_by(const tfx_builder *b, tfx_value old, tfx_value x, tfx_value share)
{
    return b->add(b, old, b->mul(b, share, b->sub(b, x, old)));
}

static tfx_value number(const tfx_builder *b, double x)
{
    return b->constant(b, x, 0, NULL);
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    static const int rows[1] = {0}, columns[1] = {1};
    const tfx_host *h = b->host;
    double rate = h->opt_real(h, u->options, "decay_rate"), eps = h->opt_real(h, u->options, "eps");
    double clip = h->opt_real(h, u->options, "clip"), decay = h->opt_real(h, u->options, "weight_decay");
    tfx_value g = u->grad, square = b->mul(b, g, g), p = u->param, v;
    tfx_value t = u->new_state[T] = b->affine(b, u->state[T], 1.0, 1.0);
    tfx_value share = b->unary(b, TFX_EXP, b->affine(b, b->unary(b, TFX_LOG, t), rate, 0.0)); /* t^rate */
    if (u->info->n_dims == 2) {
        tfx_value r = u->new_state[R] = move_by(b, u->state[R], mean(b, square, 1, columns), share);
        tfx_value c = u->new_state[C] = move_by(b, u->state[C], mean(b, square, 1, rows), share);
        v = b->mul(b, b->div(b, r, b->max(b, mean(b, r, 1, rows), number(b, 1e-30))), c);
    } else {
        v = u->new_state[R] = move_by(b, u->state[R], square, share);
    }
    tfx_value step = b->mul(b, g, b->unary(b, TFX_RSQRT, b->max(b, v, number(b, 1e-30))));
    step = b->div(b, step, b->max(b, b->affine(b, rms(b, step), 1.0 / clip, 0.0), number(b, 1.0)));
    tfx_value size = b->mul(b, b->max(b, rms(b, p), number(b, eps)), b->min(b, u->lr, b->unary(b, TFX_RSQRT, t)));
    if (u->decay && decay != 0)
        p = b->mul(b, p, b->affine(b, u->lr, -decay, 1.0));
    u->new_param = b->sub(b, p, b->mul(b, size, step));
    return TFX_OK;
}

static const tfx_optimizer_class optimizer = {
    sizeof(tfx_optimizer_class),
    "adafactor",
    "second moments of rows and columns",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    build_update,
    states_for,
};

TFX_PLUGIN("adafactor", "1.0.0", "second moments of rows and columns", TFX_KIND_OPTIMIZER, &optimizer);
