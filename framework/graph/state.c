#include "framework/graph/state.h"

#include <assert.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"

uint64_t tfx_dtype_bytes(tfx_dtype d)
{
    return d == TFX_BF16 ? 2 : 4;
}

const char *tfx_dtype_name(tfx_dtype d)
{
    return d == TFX_F32 ? "f32" : d == TFX_BF16 ? "bf16" : "i32";
}

uint64_t tfx_shape_elements(uint32_t n_dims, const int64_t *dims)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < n_dims; i++)
        if (__builtin_mul_overflow(n, (uint64_t)dims[i], &n) || n > TFX_MAX_ELEMENTS)
            return TFX_MAX_ELEMENTS;
    return n;
}

/* The place of a name in the hash table: that of its tensor, or the empty one where it belongs. */
static uint32_t *place_of(const tfx_state_layout *s, const char *name)
{
    size_t at = (size_t)tfx_random_stream(name) % s->cap_by_name;
    while (s->by_name[at] && strcmp(s->tensors[s->by_name[at] - 1].name, name))
        at = (at + 1) % s->cap_by_name;
    return &s->by_name[at];
}

/* At most half of the table is in use. */
static void index_last(tfx_state_layout *s)
{
    uint32_t first = s->n - 1;
    if (2 * (size_t)s->n > s->cap_by_name) {
        free(s->by_name);
        s->cap_by_name = 4 * (size_t)s->n + 16;
        s->by_name = TFX_NEW_ARRAY(uint32_t, s->cap_by_name);
        first = 0;
    }
    for (uint32_t i = first; i < s->n; i++)
        *place_of(s, s->tensors[i].name) = i + 1;
}

uint32_t tfx_state_add(tfx_state_layout *s, tfx_state_kind kind, const char *name, tfx_dtype dtype, uint32_t n_dims,
                       const int64_t *dims)
{
    assert(!s->frozen);
    tfx_state_tensor *t = TFX_APPEND(s->tensors, s->n, s->cap);
    t->name = tfx_strdup(name);
    t->kind = kind;
    t->dtype = dtype;
    t->n_dims = n_dims;
    if (n_dims)
        memcpy(t->dims, dims, sizeof(*dims) * n_dims);
    t->elements = tfx_shape_elements(n_dims, dims);
    t->bytes = t->elements * tfx_dtype_bytes(dtype);
    t->offset = s->bytes;
    t->grow_axis = TFX_NOT_GROWABLE;
    t->owner = TFX_STATE_NONE;
    s->bytes += (t->bytes + 63) & ~(uint64_t)63;
    index_last(s);
    return s->n - 1;
}

uint32_t tfx_state_find(const tfx_state_layout *s, const char *name)
{
    uint32_t found = s->n ? *place_of(s, name) : 0;
    return found ? found - 1 : TFX_STATE_NONE;
}

void tfx_state_finish(tfx_state_layout *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        free(s->tensors[i].name);
        free(s->tensors[i].asked_by);
    }
    free(s->tensors);
    free(s->by_name);
    *s = (tfx_state_layout){0};
}
