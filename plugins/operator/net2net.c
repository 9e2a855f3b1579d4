/* net2net: makes a model wider by duplicating units (Net2WiderNet; Chen et al. 2016, arXiv 1511.05641, algorithm 1).
 *
 * New unit j is a copy of old unit g(j): old ones stay in place, and for others g is drawn, or takes them in turn. Weights
 * that consume a unit are divided by the number of its copies. copies.h and logits.h have what Transformers need beyond that.
 *
 * Copies that get the same gradient stay copies for ever: dropout, or noise on them (event.noise), makes them
 * differ. */
#define TFX_NEEDS_MINOR 1
#include "logits.h"

static const char *const choices[] = {"random", "in_order", NULL};

static const tfx_option options[] = {
    TFX_OPTION(
        "choose", TFX_OPT_CHOICE, "random", 0, 0, choices,
        "which units are copied: random: drawn for each new one; in_order: in turn, as always where a norm wants "
        "equally many copies of each"),
};

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    int random = !strcmp(h->opt_string(h, o, "choose"), "random");
    copies *classes;
    tfx_status status = lossless_map(h, g, &(copies_rule){.name = "net2net", .random = random}, &classes);
    copies_finish(g, classes);
    return status;
}

static const tfx_operator_class operator_class = {
    sizeof(tfx_operator_class),
    "net2net",
    "wider by copies of units, shared out equally where they are consumed; keeps the function",
    options,
    sizeof(options) / sizeof(*options),
    map,
};

TFX_PLUGIN("net2net", "1.0.0", "growth by copies of units", TFX_KIND_OPERATOR, &operator_class);
