#include "framework/plan/axes.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/model/axis_names.h"
#include "framework/model/build.h"
#include "framework/plan/axes_text.h"

tfx_axes *tfx_stage_axes_create(tfx_stage_plan *s, const tfx_registry *registry, tfx_error *err)
{
    tfx_axes *a = NULL;
    tfx_graph g;
    tfx_graph_init(&g, &s->state, err);
    g.registry = registry;
    tfx_value tokens = tfx_emit_state(&g, s->tokens);
    /* The targets are the tokens themselves: both are numbers in one vocabulary, and so a head's output is the same
     * dimension as the embedding's rows, tied or not. */
    if (tfx_emit_cross_entropy(&g, tfx_model_build(s->model, &g, tokens, 0), tokens)) {
        a = tfx_axes_create(&g);
        tfx_axes_name(a, &s->state, s->model);
    }
    tfx_graph_finish(&g);
    return a;
}

/* ---- each model once ---- */

static tfx_status for_each_model(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_registry *registry,
                                 void (*print)(void *ctx, const tfx_stage_plan *s, const tfx_axes *a), void *ctx,
                                 tfx_error *err)
{
    const tfx_model_spec **seen = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < e->n_arms; i++)
        for (uint32_t k = 0; k < arms[i]->n_stages && err->status == TFX_OK; k++) {
            tfx_stage_plan *s = arms[i]->stages[k];
            int again = 0;
            for (size_t m = 0; m < n; m++)
                again |= seen[m] == s->spec;
            if (again)
                continue;
            *TFX_APPEND(seen, n, cap) = s->spec;
            tfx_axes *a = tfx_stage_axes_create(s, registry, err);
            if (a)
                print(ctx, s, a);
            tfx_axes_destroy(a);
        }
    free(seen);
    return err->status;
}

static void print_text(void *ctx, const tfx_stage_plan *s, const tfx_axes *a)
{
    tfx_axes_print_model(s->model, &s->state, a, ctx);
}

tfx_status tfx_axes_print(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_registry *registry, FILE *out,
                          tfx_error *err)
{
    return for_each_model(e, arms, registry, print_text, out, err);
}

/* ---- JSON ---- */

static void add_strings(cJSON *o, const char *key, uint32_t bits, const char *const *names, size_t n)
{
    cJSON *list = cJSON_AddArrayToObject(o, key);
    for (size_t i = 0; i < n; i++)
        if (bits >> i & 1)
            cJSON_AddItemToArray(list, cJSON_CreateString(names[i]));
}

static void add_class(cJSON *list, const tfx_axis_class *c, const tfx_axes *a, const tfx_state_layout *state)
{
    cJSON *o = cJSON_CreateObject(), *members;
    cJSON_AddItemToArray(list, o);
    cJSON_AddStringToObject(o, "name", c->name);
    cJSON_AddNumberToObject(o, "size", (double)c->size);
    if (c->rigid)
        cJSON_AddStringToObject(o, "rigid", c->rigid);
    else
        cJSON_AddNullToObject(o, "rigid");
    add_strings(o, "normalised", c->marks, tfx_axis_norm_names, TFX_N_AXIS_NORMS);
    cJSON_AddBoolToObject(o, "rotated", (c->marks & TFX_AXIS_ROTATED) != 0);
    cJSON_AddBoolToObject(o, "indexed", (c->marks & TFX_AXIS_INDEXED) != 0);
    members = cJSON_AddArrayToObject(o, "members");
    for (uint32_t i = 0; i < c->n_members; i++) {
        const tfx_axis_member *m = c->members[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(members, item);
        cJSON_AddStringToObject(item, "parameter", state->tensors[a->params[m->param].state].name);
        cJSON_AddNumberToObject(item, "axis", m->axis);
        cJSON_AddNumberToObject(item, "factor", m->factor);
        add_strings(item, "roles", m->roles, tfx_axis_role_names, TFX_N_AXIS_ROLES);
    }
}

static void add_param(cJSON *list, const tfx_param_axes *p, const tfx_axes *a, const tfx_state_layout *state)
{
    const tfx_state_tensor *t = &state->tensors[p->state];
    cJSON *o = cJSON_CreateObject(), *shape, *axes;
    cJSON_AddItemToArray(list, o);
    cJSON_AddStringToObject(o, "parameter", t->name);
    cJSON_AddBoolToObject(o, "writes_residual", p->writes_residual);
    shape = cJSON_AddArrayToObject(o, "shape");
    axes = cJSON_AddArrayToObject(o, "axes");
    for (uint32_t i = 0; i < p->n_axes; i++) {
        cJSON *factors = cJSON_CreateArray();
        cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->dims[i]));
        cJSON_AddItemToArray(axes, factors);
        for (uint32_t k = p->first[i]; k < p->first[i + 1]; k++)
            cJSON_AddItemToArray(factors, cJSON_CreateString(a->classes[a->members[k].cls].name));
    }
}

static void add_model(void *ctx, const tfx_stage_plan *s, const tfx_axes *a)
{
    cJSON *o = cJSON_CreateObject(), *list;
    cJSON_AddItemToArray(ctx, o);
    cJSON_AddStringToObject(o, "model", s->model->name);
    list = cJSON_AddArrayToObject(o, "residual");
    for (uint32_t i = 0; i < a->n_residual; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(a->classes[a->residual[i]].name));
    list = cJSON_AddArrayToObject(o, "classes");
    for (uint32_t i = 0; i < a->n_classes; i++)
        add_class(list, &a->classes[i], a, &s->state);
    list = cJSON_AddArrayToObject(o, "parameters");
    for (uint32_t i = 0; i < a->n_params; i++)
        add_param(list, &a->params[i], a, &s->state);
}

tfx_status tfx_axes_print_json(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_registry *registry,
                               FILE *out, tfx_error *err)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "experiment", e->name);
    if (for_each_model(e, arms, registry, add_model, cJSON_AddArrayToObject(o, "models"), err) == TFX_OK)
        tfx_json_print(o, out);
    cJSON_Delete(o);
    return err->status;
}
