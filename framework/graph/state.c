#include "framework/graph/state.h"

#include <assert.h>
#include <string.h>

#include "framework/base/memory.h"

uint64_t tfx_shape_elements(uint32_t n_dims, const int64_t *dims)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < n_dims; i++)
        if (__builtin_mul_overflow(n, (uint64_t)dims[i], &n) || n > TFX_MAX_ELEMENTS)
            return TFX_MAX_ELEMENTS;
    return n;
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
    t->shape = TFX_STATE_LIKE_PARAM;
    t->owner = t->copy = TFX_STATE_NONE;
    s->bytes += (t->bytes + 63) & ~(uint64_t)63;
    tfx_name_table_add(&s->by_name, t->name, s->n - 1);
    return s->n - 1;
}

uint32_t tfx_state_add_array(tfx_state_layout *s, const char *name, tfx_dtype dtype, uint32_t n_dims,
                             const int64_t *dims, const void *data)
{
    uint32_t at = tfx_state_add(s, TFX_STATE_ARRAY, name, dtype, n_dims, dims);
    tfx_state_tensor *t = &s->tensors[at];
    t->data = TFX_NEW_ARRAY(char, t->bytes);
    memcpy(t->data, data, t->bytes);
    return at;
}

int tfx_state_is_places(const char *name)
{
    const char *last = strrchr(name, '/');
    return last && !strncmp(last + 1, TFX_STATE_PLACES " ", sizeof(TFX_STATE_PLACES));
}

uint32_t tfx_state_find(const tfx_state_layout *s, const char *name)
{
    return tfx_name_table_find(&s->by_name, name);
}

void tfx_state_finish(tfx_state_layout *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        free(s->tensors[i].name);
        free(s->tensors[i].asked_by);
        free(s->tensors[i].data);
    }
    free(s->tensors);
    tfx_name_table_finish(&s->by_name);
    *s = (tfx_state_layout){0};
}
