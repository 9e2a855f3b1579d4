#include "framework/model/map_param.h"

#include <string.h>

#include "framework/base/memory.h"

/* The old block that all parameters of a new one come from first; -1: there is none. */
static int64_t source_of_block(const tfx_model_view *from, const tfx_model_view *to, const tfx_map_param *params,
                               int64_t block)
{
    int64_t source = -1;
    for (uint32_t i = 0; i < to->n_params; i++) {
        const tfx_model_param *p = to->params[i];
        if (p->block != block)
            continue;
        const tfx_model_param *q = params[i].n_sources ? from->params[params[i].sources[0].old] : NULL;
        if (!q || q->block < 0 || (source >= 0 && q->block != source) || strcmp(p->local, q->local))
            return -1;
        source = q->block;
    }
    return source;
}

void tfx_map_params_tell_old(const tfx_model_view *from, const tfx_model_view *to, tfx_map_param *params)
{
    char *taken = TFX_NEW_ARRAY(char, from->n_blocks), *is_old = TFX_NEW_ARRAY(char, to->n_blocks);
    for (int64_t b = 0; b < to->n_blocks; b++) {
        int64_t source = source_of_block(from, to, params, b);
        is_old[b] = source >= 0 && !taken[source];
        if (source >= 0)
            taken[source] = 1;
    }
    for (uint32_t i = 0; i < to->n_params; i++) {
        tfx_map_param *p = &params[i];
        p->is_old = to->params[i]->block >= 0
                        ? is_old[to->params[i]->block]
                        : p->n_sources && !strcmp(from->params[p->sources[0].old]->path, to->params[i]->path);
    }
    free(taken);
    free(is_old);
}
