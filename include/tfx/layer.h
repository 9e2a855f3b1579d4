/* tfx plugin ABI: layers.
 *
 * A layer is a pure description: given its options and an input value it calls the
 * builder and returns its output. It keeps no state of its own; parameters belong to the
 * host. See docs/writing-a-layer.md for a whole one in a page.
 */
#ifndef TFX_LAYER_H
#define TFX_LAYER_H

#include "graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A place in a layer that a spec can fill with any other layer. */
typedef struct tfx_slot {
    size_t struct_size;
    const char *name; /* e.g. "mixer"; part of every parameter path below it */
    const char *def;  /* layer used when the spec says nothing; NULL: must be filled */
    const char *doc;
} tfx_slot;

#define TFX_SLOT(name, def, doc) \
    { \
        sizeof(tfx_slot), name, def, doc \
    }

typedef struct tfx_layer_class {
    size_t struct_size;
    const char *name;
    const char *summary;       /* one line */
    const tfx_option *options; /* n_options of them; may be NULL when 0 */
    size_t n_options;
    const tfx_slot *slots; /* n_slots of them; may be NULL when 0 */
    size_t n_slots;

    /* [main] Returns the layer's output for x; its last dimension must be out_dim. Called
     * once for every graph the host builds (training, evaluation, each growth stage). */
    tfx_value (*build)(const tfx_builder *b, tfx_value x, int64_t out_dim);
} tfx_layer_class;

#ifdef __cplusplus
}
#endif
#endif
