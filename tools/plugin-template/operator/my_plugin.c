/* my_plugin: say in one line what a grown model is made of, and cite where it comes from.
 *
 * This one makes hidden layers wider by copies: new units are the old ones again, in turn, and what consumes a unit is
 * shared out between its copies, so that the model computes what it did (Net2WiderNet; Chen et al. 2016,
 * arXiv 1511.05641). Follow the steps; `make` builds it at any time, and `make test` tries it.
 * docs/writing-an-operator.md has the rest. */
#define TFX_NEEDS_MINOR 1
#include <stdlib.h>

#include "tfx/growth.h"

/* Step 1. Declare the options. */
static const tfx_option my_plugin_options[] = {
    TFX_OPTION("exact", TFX_OPT_BOOL, "true", 0, 0, NULL, "refuse a growth that is not known to keep the function"),
};

/* Step 2. Say which old element each new one of a dimension is, and what it is multiplied by where it is consumed. */
static tfx_status my_plugin_widen(const tfx_host *h, tfx_growth *g, uint32_t cls, int64_t n_old)
{
    int64_t n = g->to->classes[cls]->size;
    int64_t *index = malloc((size_t)n * sizeof(*index));
    double *share = malloc((size_t)n * sizeof(*share));
    tfx_status status = TFX_OK;
    if (!index || !share)
        status = h->fail(h, TFX_E_MEMORY, "out of memory");
    for (int64_t i = 0; status == TFX_OK && i < n; i++) {
        index[i] = i % n_old;
        int64_t copies = n / n_old + (index[i] < n % n_old);
        share[i] = 1.0 / (double)copies;
    }
    if (status == TFX_OK)
        status = g->set_class(g, cls, index, NULL, share);
    free(index);
    free(share);
    return status;
}

/* Step 3. Fill in the map. All that it does not mention keeps its place, and what is new is initialised. It is made when
 * the run is planned and again at the event, and must be the same both times. */
static tfx_status my_plugin_map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    int widened = 0;
    for (uint32_t cls = 0; cls < g->to->n_classes; cls++) {
        int64_t n_old = g->old_size(g, cls);
        if (n_old < 1 || n_old >= g->to->classes[cls]->size || g->to->classes[cls]->rigid)
            continue;
        tfx_status status = my_plugin_widen(h, g, cls, n_old);
        if (status != TFX_OK)
            return status;
        widened = 1;
    }
    if (!widened)
        return h->fail(h, TFX_E_INVALID, "expected a dimension of '%s' that is larger than before; found none",
                       g->to->name);

    /* Step 4. Keep a promise: the host knows what the map does to the function. */
    double factor;
    const char *why;
    tfx_status status = g->logit_factor(g, &factor, &why);
    if (status == TFX_OK && factor != 1 && h->opt_bool(h, o, "exact"))
        return h->fail(h, TFX_E_INVALID, "growth into '%s' does not keep the function: %s", g->to->name,
                       factor == 0 ? why : "logits are multiplied");
    return status;
}

/* Step 5. Name the operator as specs will, and the plugin: name, version, summary. */
static const tfx_operator_class my_plugin_class = {
    .struct_size = sizeof(tfx_operator_class),
    .name = "my_plugin",
    .summary = "wider, by copies of units in turn",
    .options = my_plugin_options,
    .n_options = sizeof(my_plugin_options) / sizeof(*my_plugin_options),
    .map = my_plugin_map,
};

TFX_PLUGIN("my_plugin", "0.1.0", "an operator to start from", TFX_KIND_OPERATOR, &my_plugin_class);
