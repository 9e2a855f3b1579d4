/* The pointwise functions that feed-forward layers have a choice of, and the one that an option names. */
#ifndef TFX_LAYER_ACTIVATION_H
#define TFX_LAYER_ACTIVATION_H

#include <string.h>

#include "tfx/layer.h"

static const char *const activations[] = {"gelu_erf", "gelu_tanh", "relu", "silu", NULL};

/* f(x), f being the value of the layer's option `activation`. */
static inline tfx_value activate(const tfx_builder *b, tfx_value x)
{
    static const tfx_unary functions[] = {TFX_GELU_ERF, TFX_GELU_TANH, TFX_RELU, TFX_SILU};
    const char *name = b->host->opt_string(b->host, b->options, "activation");
    size_t i = 0;
    while (strcmp(name, activations[i]) != 0)
        i++; /* it is one of them: the host has checked that */
    return b->unary(b, functions[i], x);
}

#endif
