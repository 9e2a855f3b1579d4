/* What the plugins of these tests have in common: one class, called as the file. */
#ifndef TFX_TESTS_ONE_CLASS_H
#define TFX_TESTS_ONE_CLASS_H

#include <stdlib.h>
#include <string.h>

#include "tfx/tfx.h"

#define N_OF(options) (sizeof(options) / sizeof(*(options)))

/* `options` is an array. */
#define LAYER_WITH(name, summary, options) \
    static const tfx_layer_class class_table = {sizeof(class_table), name, summary, options, \
                                                N_OF(options),       NULL, 0,       build}; \
    TFX_PLUGIN(name, "1", summary, TFX_KIND_LAYER, &class_table)

#define LAYER(name, summary) \
    static const tfx_layer_class class_table = {sizeof(class_table), name, summary, NULL, 0, NULL, 0, build}; \
    TFX_PLUGIN(name, "1", summary, TFX_KIND_LAYER, &class_table)

#define OPTIMIZER(name, summary) \
    static const tfx_optimizer_class class_table = { \
        sizeof(class_table), name, summary, NULL, 0, states, build_update}; \
    TFX_PLUGIN(name, "1", summary, TFX_KIND_OPTIMIZER, &class_table)

/* y = x W^T */
static inline tfx_value linear(const tfx_builder *b, const char *name, tfx_value x, int64_t out_dim)
{
    const int64_t shape[2] = {out_dim, b->dim_of(b, x, -1)};
    const tfx_init normal = tfx_init_normal(0.1);
    return b->matmul(b, x, b->param(b, name, 2, shape, &normal, TFX_NOT_GROWABLE, 0), TFX_TRANS_B, 1.0);
}

#endif
