#include "framework/plugin/calls/layer_calls.h"

#include <inttypes.h>

tfx_value tfx_call_layer_build(const tfx_layer_class *cls, const char *plugin, const tfx_builder *b, const char *path,
                               tfx_value x, int64_t out_dim)
{
    tfx_call c;
    tfx_error err = {0};
    tfx_call_begin(&c, TFX_KIND_LAYER, cls, "build", path);
    tfx_value y = cls->build(b, x, out_dim);
    /* With a message of b->error it is no bug, and that message stays: it was the first. */
    /* A failure that was recorded by host->fail is one, whatever is returned. */
    if (tfx_call_end(&c, c.first.status, "", &err) != TFX_OK)
        return b->error(b, "%s", err.text);
    if (!y)
        return b->error(b,
                        "bug in the plugin%s%s: build returned TFX_POISON although nothing had failed; it has to "
                        "return the layer's output, or what b->error(b, \"the reason\") returns",
                        plugin ? " " : "", plugin ? plugin : "");
    if (!tfx_call_is_value(b, y))
        return b->error(b, "returned a value that does not exist");
    int64_t width = b->rank(b, y) ? b->dim_of(b, y, -1) : 0;
    if (width != out_dim)
        return b->error(b, "returned an output of width %" PRId64 ", expected %" PRId64, width, out_dim);
    return y;
}
