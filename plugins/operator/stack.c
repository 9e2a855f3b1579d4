/* stack: a deeper model whose blocks are copies of the old ones.
 *
 * append repeats the whole stack, 0 1 2 0 1 2 (StackBERT, Gong et al., ICML 2019; G_stack, Du et al. 2024, arXiv
 * 2405.15319, section 3, which found it the best of its operators). interleave repeats each block, 0 0 1 1 2 2 (Chang et
 * al. 2018, arXiv 1710.10348). `sources` says it block by block. The function changes. */
#define TFX_NEEDS_MINOR 1
#include <string.h>

#include "blocks.h"

static const char *const order_words[] = {"append", "interleave", NULL};

static const tfx_option options[] = {
    TFX_OPTION("order", TFX_OPT_CHOICE, "append", 0, 0, order_words,
               "append: the whole stack again, 0 1 2 0 1 2; interleave: each block again, 0 0 1 1 2 2"),
    TFX_OPTION("sources", TFX_OPT_INT_LIST, "", 0, 1e9, NULL,
               "instead of an order: for each block of the new model the old block that it is a copy of, from 0"),
};

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    int64_t n = g->to->n_blocks, n_old = g->from->n_blocks;
    int interleave = !strcmp(h->opt_string(h, o, "order"), "interleave");
    size_t n_sources;
    const int64_t *sources = h->opt_int_list(h, o, "sources", &n_sources);
    tfx_status status = need_more_blocks(h, g);
    if (status == TFX_OK && n_sources && n_sources != (size_t)n)
        return h->fail(h, TFX_E_INVALID, "sources: expected one for each of the %" PRId64 " blocks of '%s'; found %zu",
                       n, g->to->name, n_sources);
    for (size_t i = 0; i < n_sources; i++)
        if (sources[i] >= n_old)
            return h->fail(h, TFX_E_INVALID, "sources: expected blocks of '%s', 0 to %" PRId64 "; found %" PRId64,
                           g->from->name, n_old - 1, sources[i]);
    for (uint32_t i = 0; i < g->to->n_params && status == TFX_OK; i++) {
        int64_t block = g->to->params[i]->block;
        if (block >= 0)
            status = copy_from_block(h, g, i,
                                     n_sources    ? sources[block]
                                     : interleave ? block * n_old / n
                                                  : block % n_old);
    }
    return status;
}

static const tfx_operator_class operator_class = {
    sizeof(tfx_operator_class),
    "stack",
    "deeper: the old blocks repeated, as a whole, each by itself, or as a list says",
    options,
    sizeof(options) / sizeof(*options),
    map,
};

TFX_PLUGIN("stack", "1.0.0", "growth by repeated blocks", TFX_KIND_OPERATOR, &operator_class);
