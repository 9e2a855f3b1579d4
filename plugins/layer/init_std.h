/* An option for the standard deviation of a parameter's initial values: a number, or `fan_in`,
 * 1 / sqrt(n) where n is how many products are summed up with it, so that the sum of unit-variance
 * inputs has unit variance (LeCun et al. 1998, "Efficient BackProp", section 4.6). */
#ifndef TFX_LAYER_INIT_STD_H
#define TFX_LAYER_INIT_STD_H

#include <math.h>

#include "tfx/layer.h"

static const char *const init_std_words[] = {"fan_in", NULL};

#define INIT_STD_OPTION(name, def, doc) TFX_OPTION(name, TFX_OPT_REAL_OR_CHOICE, def, 0, 10, init_std_words, doc)

static inline double init_std(const tfx_builder *b, const char *name, int64_t fan_in)
{
    const tfx_host *h = b->host;
    return h->opt_string(h, b->options, name) ? 1.0 / sqrt((double)fan_in) : h->opt_real(h, b->options, name);
}

#endif
