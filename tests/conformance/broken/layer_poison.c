/* Caught by: shapes. When what is in its slot is refused, it gets TFX_POISON, whose width is 0. */
#include "tests/conformance/one_class.h"

static const tfx_slot slots[] = {TFX_SLOT("inner", "linear", "what is scaled")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_value y = b->slot(b, "inner", x, out_dim);
    volatile int64_t width = b->dim_of(b, y, -1);
    return b->affine(b, y, (double)(out_dim / width), 0);
}

static const tfx_layer_class class_table = {sizeof(class_table), "layer_poison", "divides by a width", NULL, 0, slots,
                                            N_OF(slots),         build};

TFX_PLUGIN("layer_poison", "1", "divides by a width", TFX_KIND_LAYER, &class_table);
