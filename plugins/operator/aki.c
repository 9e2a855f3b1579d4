/* aki: makes a model wider with units of the next block (advanced knowledge initialisation, AKI, of bert2BERT; Chen et al. 2022,
 * arXiv 2110.07143).
 *
 * As net2net, but what a block's new units are produced by (rows of its hidden units, heads, parameter tokens) comes from the
 * same places of the block above, and from the block itself in the last one; what consumes them is this block's,
 * shared out as for copies. Blocks above know more, the paper argues, and units that come from elsewhere are no copies that
 * would have to be made to differ. The residual width is not a block's: it gets copies. The function changes. */
#define TFX_NEEDS_MINOR 1
#include "logits.h"

/* How a factor grows; NULL: it does not. Parameter tokens are units, too. */
static const copies *growth_of(const copies *classes, const tfx_model_factor *f)
{
    return classes[f->cls].n_old ? &classes[f->cls] : NULL;
}

/* Whether it numbers units of its block that the parameter produces, and some are new. */
static int is_unit(const tfx_growth *g, const copies *classes, const tfx_model_factor *f)
{
    return growth_of(classes, f) && g->to->classes[f->cls]->block >= 0 && f->roles & TFX_AXIS_PRODUCED;
}

/* The same parameter of the block above, of the same shape; -1: there is none. */
static int64_t above(const tfx_growth *g, const tfx_model_param *p, uint32_t own)
{
    const tfx_model_param *a = g->from->params[own], *b;
    int64_t next = g->old_in_block(g, p->block + 1, p->local);
    if (next < 0)
        return -1;
    b = g->from->params[next];
    if (a->n_dims != b->n_dims || memcmp(a->dims, b->dims, sizeof(*a->dims) * a->n_dims))
        return -1;
    return next;
}

/* One source of a parameter. `added` (NULL: all): the new elements of its k-th factor of units where bit k is set, and
 * the old ones where it is not. */
static tfx_status apply(const tfx_host *h, tfx_growth *g, uint32_t param, uint32_t source, const copies *classes,
                        const uint32_t *added)
{
    const tfx_model_param *p = g->to->params[param];
    tfx_status status = TFX_OK;
    for (uint32_t f = 0, unit = 0; f < p->n_factors && status == TFX_OK; f++) {
        copies_part part = COPIES_ALL;
        if (added && is_unit(g, classes, p->factors[f]))
            part = *added >> unit++ & 1 ? COPIES_ADDED : COPIES_IN_PLACE;
        if (growth_of(classes, p->factors[f]))
            status = copies_apply(h, g, param, source, f, growth_of(classes, p->factors[f]), part, 1);
    }
    return status;
}

/* A parameter with two factors of units has new elements in the one, the other, and both: a source for each set. */
static tfx_status map_param(const tfx_host *h, tfx_growth *g, uint32_t param, const copies *classes)
{
    const tfx_model_param *p = g->to->params[param];
    uint32_t own = (uint32_t)g->old_param(g, p->path), n_units = 0, source;
    int64_t next = above(g, p, own);
    tfx_status status = TFX_OK;
    for (uint32_t f = 0; f < p->n_factors; f++)
        n_units += (uint32_t)is_unit(g, classes, p->factors[f]);
    if (!n_units || next < 0)
        return apply(h, g, param, 0, classes, NULL);
    for (uint32_t added = 0; added < 1u << n_units && status == TFX_OK; added++) {
        status = g->add_source(g, param, added ? (uint32_t)next : own, 1, &source);
        if (status == TFX_OK)
            status = apply(h, g, param, source, classes, &added);
    }
    return status;
}

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    copies *classes;
    (void)o;
    tfx_status status = lossless_map(h, g, &(copies_rule){.name = "aki"}, &classes); /* what is not a block's */
    for (uint32_t i = 0; i < g->to->n_params && status == TFX_OK; i++)
        if (g->to->params[i]->block >= 0)
            status = map_param(h, g, i, classes);
    copies_finish(g, classes);
    return status;
}

static const tfx_operator_class operator_class = {
    sizeof(tfx_operator_class), "aki", "wider by units of the next block, and copies where there is none", NULL, 0, map,
};

TFX_PLUGIN("aki", "1.0.0", "growth by units of the next block", TFX_KIND_OPERATOR, &operator_class);
