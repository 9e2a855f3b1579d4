/* zero_blocks: a deeper model whose new blocks write nothing into the residual stream at first.
 *
 * Every parameter that ends a branch (the last product before it is added to the stream, and a bias after that) is zero, so
 * x + 0 = x and the function stays, while the gradient reaches it through what the rest of the branch computes
 * (as the zero-initialised layers of Fixup, Zhang et al. 2019, arXiv 1901.09321, and the masked growth of
 * MSG, Yao et al. 2023, arXiv 2305.02869). The rest is a copy of the old block before it (of the one behind it, in front
 * of the first), or fresh. */
#define TFX_NEEDS_MINOR 1
#include <stdlib.h>
#include <string.h>

#include "blocks.h"

static const char *const place_words[] = {"end", "between", "start", NULL};
static const char *const inside_words[] = {"copy", "fresh", NULL};

static const tfx_option options[] = {
    TFX_OPTION("place", TFX_OPT_CHOICE, "end", 0, 0, place_words,
               "where new blocks go: behind the old ones, spread evenly between them, or in front of them"),
    TFX_OPTION("inside", TFX_OPT_CHOICE, "copy", 0, 0, inside_words,
               "what they are besides: a copy of the old block next to them, or as the layers initialise them"),
};

/* Which old block each new one is, or ~b for a new block next to old block b. */
static void place(const char *word, int64_t n_old, int64_t n, int64_t *old_of)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t b = i * n_old / n;
        if (!strcmp(word, "end"))
            old_of[i] = i < n_old ? i : ~(n_old - 1);
        else if (!strcmp(word, "start"))
            old_of[i] = i < n - n_old ? ~(int64_t)0 : i - (n - n_old);
        else /* the first of those that share a place is the old block itself */
            old_of[i] = i == 0 || (i - 1) * n_old / n != b ? b : ~b;
    }
}

/* Parameter i of a block that writes nothing yet. */
static tfx_status make_new(const tfx_host *h, tfx_growth *g, uint32_t i, int64_t near, int copy)
{
    tfx_status status;
    if (copy && !g->to->params[i]->writes_residual)
        return copy_from_block(h, g, i, near);
    status = g->drop_sources(g, i);
    if (status == TFX_OK && g->to->params[i]->writes_residual)
        status = g->set_fill(g, i, TFX_FILL_ZERO, 0);
    return status;
}

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    int copy = !strcmp(h->opt_string(h, o, "inside"), "copy");
    int64_t n = g->to->n_blocks, *old_of = malloc(sizeof(*old_of) * (size_t)n), writer = -1;
    tfx_status status = old_of ? need_more_blocks(h, g) : h->fail(h, TFX_E_MEMORY, "out of memory");
    if (status == TFX_OK)
        place(h->opt_string(h, o, "place"), g->from->n_blocks, n, old_of);
    for (uint32_t i = 0; i < g->to->n_params && status == TFX_OK; i++) {
        const tfx_model_param *p = g->to->params[i];
        if (p->block < 0)
            continue;
        if (old_of[p->block] >= 0) {
            status = copy_from_block(h, g, i, old_of[p->block]);
            continue;
        }
        if (p->writes_residual)
            writer = p->block;
        status = make_new(h, g, i, ~old_of[p->block], copy);
    }
    if (status == TFX_OK && writer < 0)
        status = h->fail(h, TFX_E_INVALID,
                         "no parameter of the new blocks of '%s' ends a branch that is added to a residual stream",
                         g->to->name);
    free(old_of);
    return status;
}

static const tfx_operator_class operator_class = {
    sizeof(tfx_operator_class),
    "zero_blocks",
    "deeper: new blocks that write nothing into the residual stream at first",
    options,
    sizeof(options) / sizeof(*options),
    map,
};

TFX_PLUGIN("zero_blocks", "1.0.0", "growth by blocks that write nothing at first", TFX_KIND_OPERATOR, &operator_class);
