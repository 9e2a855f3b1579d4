#include "framework/model/model_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"

int64_t tfx_path_block(const char *path, const char **local)
{
    int64_t block;
    int used = 0;
    *local = path;
    if (sscanf(path, "blocks.%" SCNd64 ".%n", &block, &used) != 1 || !used)
        return -1;
    *local = path + used;
    return block;
}

static tfx_model_class *make_class(const tfx_axes *a, uint32_t c, const tfx_state_layout *state)
{
    const tfx_axis_class *from = &a->classes[c];
    tfx_model_class *to = TFX_NEW(tfx_model_class);
    *to = (tfx_model_class){.struct_size = sizeof(*to),
                            .name = tfx_strdup(from->name),
                            .size = from->size,
                            .marks = from->marks,
                            .rigid = from->rigid,
                            .block = -1};
    for (uint32_t i = 0; i < a->n_residual; i++)
        to->residual |= a->residual[i] == c;
    for (uint32_t i = 0; i < from->n_members; i++) {
        const char *local;
        int64_t block = tfx_path_block(state->tensors[a->params[from->members[i]->param].state].name, &local);
        if (i && block != to->block)
            block = -1;
        to->block = block;
        if (block < 0)
            break;
    }
    return to;
}

static tfx_model_param *make_param(const tfx_axes *a, const tfx_param_axes *p, const tfx_state_layout *state)
{
    const tfx_state_tensor *t = &state->tensors[p->state];
    const char *dot = strrchr(t->name, '.');
    uint32_t n = p->first[p->n_axes] - p->first[0];
    const tfx_model_factor **factors = TFX_NEW_ARRAY(const tfx_model_factor *, n);
    tfx_model_factor *all = n ? TFX_NEW_ARRAY(tfx_model_factor, n) : NULL;
    tfx_model_param *to = TFX_NEW(tfx_model_param);
    for (uint32_t i = 0; i < n; i++) {
        const tfx_axis_member *m = &a->members[p->first[0] + i];
        all[i] = (tfx_model_factor){.struct_size = sizeof(*all), .axis = m->axis, .cls = m->cls, .roles = m->roles};
        factors[i] = &all[i];
    }
    *to = (tfx_model_param){.struct_size = sizeof(*to),
                            .path = t->name,
                            .name = dot ? dot + 1 : t->name,
                            .flags = t->flags,
                            .n_dims = t->n_dims,
                            .dims = t->dims,
                            .n_factors = n,
                            .factors = factors,
                            .writes_residual = p->writes_residual};
    to->block = tfx_path_block(t->name, &to->local);
    return to;
}

tfx_model_view *tfx_model_view_create(const tfx_axes *a, const tfx_state_layout *state, const tfx_model *m)
{
    tfx_model_view *v = TFX_NEW(tfx_model_view);
    const tfx_model_class **classes = TFX_NEW_ARRAY(const tfx_model_class *, a->n_classes);
    const tfx_model_param **params = TFX_NEW_ARRAY(const tfx_model_param *, a->n_params);
    for (uint32_t i = 0; i < a->n_classes; i++)
        classes[i] = make_class(a, i, state);
    for (uint32_t i = 0; i < a->n_params; i++)
        params[i] = make_param(a, &a->params[i], state);
    *v = (tfx_model_view){.struct_size = sizeof(*v),
                          .name = m->name,
                          .n_blocks = m->n_blocks,
                          .n_classes = a->n_classes,
                          .n_params = a->n_params,
                          .classes = classes,
                          .params = params};
    return v;
}

void tfx_model_view_destroy(tfx_model_view *v)
{
    if (!v)
        return;
    for (uint32_t i = 0; i < v->n_classes; i++) {
        free((char *)v->classes[i]->name);
        free((tfx_model_class *)v->classes[i]);
    }
    for (uint32_t i = 0; i < v->n_params; i++) {
        if (v->params[i]->n_factors)
            free((tfx_model_factor *)v->params[i]->factors[0]);
        free((void *)v->params[i]->factors);
        free((tfx_model_param *)v->params[i]);
    }
    free((void *)v->classes);
    free((void *)v->params);
    free(v);
}
