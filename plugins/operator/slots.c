/* slots: appends parameter tokens (Wang et al. 2024, arXiv 2410.23168, section 3.3).
 *
 * A pattention of keys K [slots, d_in] and values V [slots, d_out] computes gelu(tau x K^T / |x K^T|) V. With new keys
 * zero, new values random and tau kept it computes exactly what it did: the new scores are 0, gelu(0) = 0, and they add
 * nothing to the norm, while the gradient reaches the new keys through the values. With both at zero no gradient
 * would ever reach either. Copies split evenly keep the function, too: with c copies of each slot, keys divided by
 * sqrt(c) leave the norm as it was, eps included, tau * sqrt(c) gives scores back what that took from them, and values are
 * divided by c.
 *
 * Keys are, in general, what produces the elements of a class that grows, and values what consumes them. So the
 * hidden units of an MLP grow in the same way. */
#define TFX_NEEDS_MINOR 1
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tfx/graph.h"
#include "tfx/growth.h"

static const char *const key_words[] = {"zero", "normal", "copy", NULL};
static const char *const value_words[] = {"normal", "zero", "copy", NULL};
static const char *const tau_words[] = {"keep", "rescale", NULL};

static const tfx_option options[] = {
    TFX_OPTION("keys", TFX_OPT_CHOICE, "zero", 0, 0, key_words,
               "keys of new slots, or what else produces new elements: zero; normal: as the layer initialises them; "
               "copy: the old ones in turn"),
    TFX_OPTION("values", TFX_OPT_CHOICE, "normal", 0, 0, value_words,
               "values of new slots, or what else consumes new elements: normal: as the layer initialises them; zero; "
               "copy: the old ones in turn, shared out between copies where the keys are copies, too"),
    TFX_OPTION("tau", TFX_OPT_CHOICE, "keep", 0, 0, tau_words,
               "the scale of scores: the old one, or times sqrt(new slots / old slots), as that of a new layer is"),
};

enum { ZERO, NORMAL, COPY };

static int choice(const tfx_host *h, const tfx_options *o, const char *name)
{
    const char *word = h->opt_string(h, o, name);
    return !strcmp(word, "zero") ? ZERO : !strcmp(word, "normal") ? NORMAL : COPY;
}

/* Copies in turn along one factor. Where they are values of copies, each gets its share; where they are keys of them,
 * that is what their gradient gets. `root`: they are keys behind which tau grows with their number. */
static tfx_status copy(const tfx_host *h, tfx_growth *g, uint32_t i, uint32_t f, int64_t n_old, int split_values,
                       int split_gradients, int root)
{
    int64_t n = g->to->classes[g->to->params[i]->factors[f]->cls]->size;
    int64_t *index = malloc(sizeof(*index) * (size_t)n);
    double *share = malloc(sizeof(*share) * (size_t)n), *scale = malloc(sizeof(*scale) * (size_t)n);
    double less = root ? sqrt((double)n_old / (double)n) : 1;
    tfx_status status = TFX_OK;
    if (!index || !share || !scale)
        status = h->fail(h, TFX_E_MEMORY, "out of memory");
    for (int64_t k = 0; status == TFX_OK && k < n; k++) {
        index[k] = k % n_old;
        share[k] = 1.0 / (double)(n / n_old + (index[k] < n % n_old));
        scale[k] = (split_values ? share[k] : 1) * less;
        share[k] = (split_gradients ? share[k] : 1) / less;
    }
    if (status == TFX_OK)
        status = g->set_factor(g, i, 0, f, index, scale, share);
    free(index);
    free(share);
    free(scale);
    return status;
}

/* The number of slots of the layer that has a parameter called tau, old and new: that of the key beside it. */
static double growth_beside(const tfx_growth *g, const tfx_model_param *tau)
{
    size_t n = strlen(tau->path) - strlen(tau->name);
    for (uint32_t i = 0; i < g->to->n_params; i++) {
        const tfx_model_param *p = g->to->params[i];
        int64_t old = g->old_param(g, p->path);
        if (!strcmp(p->name, "key") && !strncmp(p->path, tau->path, n) && !strcmp(p->path + n, p->name) && old >= 0)
            return (double)p->dims[0] / (double)g->from->params[old]->dims[0];
    }
    return 1;
}

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    int keys = choice(h, o, "keys"), values = choice(h, o, "values"), grown = 0;
    int rescale = !strcmp(h->opt_string(h, o, "tau"), "rescale");
    tfx_status status = TFX_OK;
    if (keys == ZERO && values == ZERO)
        return h->fail(h, TFX_E_INVALID,
                       "values: with new keys and new values both at zero, no gradient ever reaches the new slots; "
                       "leave one of them out");
    for (uint32_t i = 0; i < g->to->n_params && status == TFX_OK; i++) {
        const tfx_model_param *p = g->to->params[i];
        int zero = 0;
        if (g->old_param(g, p->path) < 0)
            return h->fail(h, TFX_E_INVALID,
                           "parameter %s has nothing to grow from; slots adds no blocks or layers (stack, zero_blocks "
                           "and random do)",
                           p->path);
        for (uint32_t f = 0; f < p->n_factors && status == TFX_OK; f++) {
            uint32_t cls = p->factors[f]->cls;
            int64_t n_old = g->old_size(g, cls);
            int is_key = (p->factors[f]->roles & TFX_AXIS_PRODUCED) != 0, how = is_key ? keys : values;
            if (n_old <= 0 || n_old == g->to->classes[cls]->size)
                continue;
            if (g->to->classes[cls]->residual)
                return h->fail(h, TFX_E_INVALID,
                               "%s grows from %lld to %lld elements, the width of the residual stream; slots does not "
                               "widen that (net2net and lemon do)",
                               p->path, (long long)n_old, (long long)g->to->classes[cls]->size);
            grown = 1; /* or shrinks, which the host refuses */
            zero |= how == ZERO;
            if (how == COPY)
                status = copy(h, g, i, f, n_old, !is_key && keys == COPY, is_key && values == COPY,
                              is_key && rescale && g->to->classes[cls]->marks & TFX_AXIS_L2_NORM);
        }
        if (status == TFX_OK && zero)
            status = g->set_fill(g, i, TFX_FILL_ZERO, 0);
        if (status == TFX_OK && rescale && p->flags & TFX_PARAM_FIXED && !strcmp(p->name, "tau"))
            status = g->add_source(g, i, (uint32_t)g->old_param(g, p->path), sqrt(growth_beside(g, p)), NULL);
    }
    if (status == TFX_OK && !grown)
        status = h->fail(h, TFX_E_INVALID, "growing '%s' into '%s' appends no slots: nothing in it has more of them",
                         g->from->name, g->to->name);
    return status;
}

static const tfx_operator_class operator_class = {
    sizeof(tfx_operator_class),
    "slots",
    "appends parameter tokens, or hidden units: their keys zero, random or copies, their values random, zero or copies",
    options,
    sizeof(options) / sizeof(*options),
    map,
};

TFX_PLUGIN("slots", "1.0.0", "growth by parameter tokens", TFX_KIND_OPERATOR, &operator_class);
