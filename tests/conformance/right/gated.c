/* Keeps all promises, with everything that a layer may have: options, a socket, a refusal, memory, dropout. */
#include "tests/conformance/one_class.h"

static const tfx_option options[] = {
    TFX_OPTION("hidden", TFX_OPT_INT, NULL, 1, 1e9, NULL, "hidden width; even; can grow"),
    TFX_OPTION("drop", TFX_OPT_REAL, "0.1", 0, 0.9, NULL, "probability of dropout")};

static const tfx_slot slots[] = {TFX_SLOT("down", NULL, "projection to the output")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    int64_t hidden = b->host->opt_int(b->host, b->options, "hidden");
    if (hidden % 2)
        return b->error(b, "hidden: expected an even number; found %d", (int)hidden);
    char *name = malloc(32);
    if (!name)
        return b->error(b, "out of memory");
    strcpy(name, "gate");
    const int64_t shape[2] = {hidden, b->dim_of(b, x, -1)};
    const tfx_init normal = tfx_init_normal(0.1);
    tfx_value gate = b->param(b, name, 2, shape, &normal, 0, 0), up = b->param(b, "up", 2, shape, &normal, 0, 0);
    free(name);
    tfx_value y = b->mul(b, b->unary(b, TFX_SILU, b->matmul(b, x, gate, TFX_TRANS_B, 1)),
                         b->matmul(b, x, up, TFX_TRANS_B, 1));
    return b->slot(b, "down", b->dropout(b, y, b->host->opt_real(b->host, b->options, "drop")), out_dim);
}

static const tfx_layer_class class_table = {
    sizeof(class_table), "gated", "gated layer", options, N_OF(options), slots, 1, build};

TFX_PLUGIN("gated", "1", "gated layer", TFX_KIND_LAYER, &class_table);
