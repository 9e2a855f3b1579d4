/* Blocks: parameters of new blocks from those of old ones, for operators that make models deeper. */
#ifndef TFX_OPERATOR_BLOCKS_H
#define TFX_OPERATOR_BLOCKS_H

#include <inttypes.h>

#include "tfx/growth.h"

/* Makes new parameter i, which is in a block, a copy of its counterpart in old block `block`. */
static tfx_status copy_from_block(const tfx_host *h, tfx_growth *g, uint32_t i, int64_t block)
{
    const tfx_model_param *p = g->to->params[i];
    int64_t old = g->old_in_block(g, block, p->local);
    if (old < 0)
        return h->fail(h, TFX_E_INVALID, "parameter %s cannot come from block %" PRId64 ", which has no %s", p->path,
                       block, p->local);
    tfx_status status = g->drop_sources(g, i);
    return status == TFX_OK ? g->add_source(g, i, (uint32_t)old, 1, NULL) : status;
}

static tfx_status need_more_blocks(const tfx_host *h, const tfx_growth *g)
{
    if (g->to->n_blocks > g->from->n_blocks)
        return TFX_OK;
    return h->fail(h, TFX_E_INVALID,
                   "expected a model with more blocks than the %" PRId64 " of '%s'; '%s' has %" PRId64,
                   g->from->n_blocks, g->from->name, g->to->name, g->to->n_blocks);
}

#endif
