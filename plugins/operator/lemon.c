/* lemon: makes a model wider by copies with unequal shares (LEMON; Wang et al. 2024, arXiv 2310.07999, figure 3).
 *
 * As net2net, with units copied in turn; but what consumes copies is divided into parts that differ: of two copies 1/3
 * and 2/3, of three 1/6, 2/6 and 3/6. The function is kept as long as they sum to 1, and copies get different
 * gradients, so they part without any noise. A copy's gradient is its share of the old one; an optimizer that
 * divides by the gradient's size (AdamW) undoes that, but not that what consumes them has other values: they part
 * one step later. The residual width with its norms is in copies.h: LEMON scales the norm's weight and eps, this
 * scales what goes into the norm, which does the same for norms without a weight and leaves eps alone. */
#define TFX_NEEDS_MINOR 1
#include "logits.h"

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    copies *classes;
    (void)o;
    tfx_status status = lossless_map(h, g, &(copies_rule){.name = "lemon", .uneven = 1}, &classes);
    copies_finish(g, classes);
    return status;
}

static const tfx_operator_class operator_class = {
    sizeof(tfx_operator_class),
    "lemon",
    "wider by copies of units, shared out unequally so that they learn different things; keeps the function",
    NULL,
    0,
    map,
};

TFX_PLUGIN("lemon", "1.0.0", "growth by copies with unequal shares", TFX_KIND_OPERATOR, &operator_class);
