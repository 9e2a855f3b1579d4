/* Chain: what policies that grow through a list of models have in common. They say when to grow and into what; how is a
 * growth operator's business (tfx/growth.h), and what becomes of optimizer state and learning rate is said in
 * the spec, under `event`. */
#ifndef TFX_SCALING_CHAIN_H
#define TFX_SCALING_CHAIN_H

#include <stdlib.h>
#include <string.h>

#include "tfx/graph.h"
#include "tfx/scaling.h"

#define CHAIN_OPTIONS TFX_OPTION("models", TFX_OPT_STRING_LIST, NULL, 0, 0, NULL, "the models to grow into, in order")

typedef struct chain {
    const tfx_host *host;
    const char *const *models; /* to grow into */
    size_t n_models;
} chain;

static tfx_status chain_create(chain *c, const tfx_host *h, const tfx_options *o)
{
    c->host = h;
    c->models = h->opt_string_list(h, o, "models", &c->n_models);
    if (!c->n_models)
        return h->fail(h, TFX_E_INVALID, "models: expected at least one model to grow into; found none");
    return TFX_OK;
}

/* All of a stage but its length. */
static void chain_stage(const chain *c, uint32_t index, tfx_stage *out)
{
    out->model = index ? c->models[index - 1] : NULL;
    out->restart_schedule = 1;
}

/* ---- functions of the class, for instances that begin with a chain ---- */

static void destroy(tfx_scaling *s)
{
    free(s);
}

static uint32_t n_stages(const tfx_scaling *s)
{
    return (uint32_t)((const chain *)s)->n_models + 1;
}

static tfx_status check(const tfx_scaling *s, uint32_t stage, const char *const *paths, size_t n)
{
    const chain *c = (const chain *)s;
    (void)paths;
    if (!n)
        return c->host->fail(c->host, TFX_E_INVALID,
                             "models: expected larger and larger models; found '%s', in which no "
                             "parameter is larger than before",
                             c->models[stage - 1]);
    return TFX_OK;
}

#endif
