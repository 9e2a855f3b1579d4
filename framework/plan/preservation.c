#include "framework/plan/preservation.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"

void tfx_zeros_counts_find(tfx_zeros_counts *z, const tfx_graph *g)
{
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        if (n->op != TFX_OP_SOFTMAX && !(n->op == TFX_OP_NORM && n->ints[0] != TFX_NORM_L2))
            continue;
        const tfx_graph_value *out = &g->values[n->out];
        *TFX_APPEND(z->items, z->n, z->cap) = (tfx_zeros_count){n->op, out->dims[out->n_dims - 1], n->owner};
    }
}

/* "FILE:LINE: score = softmax: " where an option of the layer chose the operation by its name; "" elsewhere. */
static char *chosen_at(const tfx_zeros_count *z)
{
    const char *name, *value, *file;
    int line;
    for (size_t i = 0; z->layer && i < tfx_options_count(z->layer->options); i++) {
        tfx_options_at(z->layer->options, i, &name, &value);
        if (strcmp(value, tfx_op_name(z->op)) || !(file = tfx_options_origin(z->layer->options, name, &line)))
            continue;
        return line ? tfx_printf("%s:%d: %s = %s: ", file, line, name, value)
                    : tfx_printf("%s: %s = %s: ", file, name, value);
    }
    return tfx_strdup("");
}

char *tfx_preservation_note(const tfx_zeros_counts *before, const char *from, const tfx_zeros_counts *after,
                            const char *to)
{
    const tfx_zeros_count *first = NULL;
    int64_t old_length = 0;
    for (size_t i = 0; before->n == after->n && i < after->n && !first; i++)
        if (after->items[i].op == before->items[i].op && after->items[i].length != before->items[i].length) {
            first = &after->items[i];
            old_length = before->items[i].length;
        }
    if (!first)
        return NULL;
    char *place = chosen_at(first);
    char *note = tfx_printf("%sgrowing '%s' into '%s' changes what the model computes: the %s of layer %s goes over "
                            "%" PRId64 " values instead of %" PRId64 ", and new ones count even where they are zero; "
                            "the probe of the growth event measures by how much",
                            place, from, to, tfx_op_name(first->op), first->layer ? first->layer->cls->name : "?",
                            first->length, old_length);
    free(place);
    return note;
}
