/* Logits: what copies (copies.h) do to them as a whole, and how that is undone.
 *
 * A table that is both embedding and head cannot be divided where it is consumed, and a head may scale logits by a factor
 * of the width, so all logits can come out multiplied by some number. The norm before the head, if it has a gain, can undo
 * that. Whether the function is kept then is for the host to say. */
#ifndef TFX_OPERATOR_LOGITS_H
#define TFX_OPERATOR_LOGITS_H

#include "copies.h"

static int is_one(double factor)
{
    return fabs(factor - 1) < 1e-9;
}

/* Multiplies all that follows the last norm before the head: what is produced in no block behind a norm. */
static tfx_status scale_last_norm(const tfx_host *h, tfx_growth *g, const copies *classes, double times)
{
    tfx_status status = TFX_OK;
    for (uint32_t i = 0; i < g->to->n_params; i++) {
        const tfx_model_param *p = g->to->params[i];
        for (uint32_t f = 0; f < p->n_factors && p->block < 0 && status == TFX_OK; f++) {
            const copies *c = copies_of(classes, p->factors[f]);
            int behind = !(p->factors[f]->roles & (TFX_AXIS_NORMALISED | TFX_AXIS_CONSUMED));
            if (c && behind && g->to->classes[p->factors[f]->cls]->marks & COPIES_NORMS)
                status = copies_apply(h, g, i, 0, f, c, COPIES_ALL, times);
        }
    }
    return status;
}

/* Makes logits of a map of copies what they were, if all that is wrong is one factor. *factor: what they are multiplied by
 * in the end; 0: they are others, and *why. */
static tfx_status logits_restore(const tfx_host *h, tfx_growth *g, const copies *classes, double *factor,
                                 const char **why)
{
    tfx_status status = g->logit_factor(g, factor, why);
    if (status != TFX_OK || *factor == 0 || is_one(*factor))
        return status;
    status = scale_last_norm(h, g, classes, 1 / *factor);
    return status == TFX_OK ? g->logit_factor(g, factor, why) : status;
}

/* Maps all by copies, and refuses what would change the function. *classes: see copies_map. */
static tfx_status lossless_map(const tfx_host *h, tfx_growth *g, const copies_rule *rule, copies **classes)
{
    double factor = 1;
    const char *why = NULL;
    tfx_status status = copies_map(h, g, rule, classes);
    if (status == TFX_OK)
        status = logits_restore(h, g, *classes, &factor, &why);
    if (status == TFX_OK && factor == 0)
        status = h->fail(h, TFX_E_INVALID, "copies would change what '%s' computes: %s", g->from->name, why);
    if (status == TFX_OK && !is_one(factor))
        status = h->fail(
            h, TFX_E_INVALID,
            "the logits of '%s' would be %.9g times those of '%s', and there is no weight between its last norm and "
            "its "
            "head that could undo that; give that norm one, or make embedding.logit_scale 1/%.9g of what it is",
            g->to->name, factor, g->from->name, factor);
    return status;
}

#endif
