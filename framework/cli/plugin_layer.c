#include "framework/cli/plugin_layer.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/model/initialise.h"
#include "framework/plan/axes_text.h"

/* The layer's parameters in turn; NULL: it is none of them. */
static const tfx_state_tensor *param_at(const tfx_layer_alone *a, uint32_t i)
{
    const tfx_state_tensor *t = &a->state.tensors[i];
    return t->kind == TFX_STATE_PARAM && tfx_layer_alone_name(t->name) ? t : NULL;
}

static const char *member_param(const tfx_layer_alone *a, const tfx_axis_member *m)
{
    return tfx_layer_alone_name(a->state.tensors[a->axes->params[m->param].state].name);
}

static const char *class_name(const tfx_axis_class *c)
{
    return tfx_layer_alone_name(c->name);
}

/* Whether a parameter of the layer itself is along it. */
static int is_of_layer(const tfx_layer_alone *a, const tfx_axis_class *c)
{
    for (uint32_t i = 0; i < c->n_members; i++)
        if (member_param(a, c->members[i]))
            return 1;
    return 0;
}

static uint64_t n_elements(const tfx_layer_alone *a)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < a->state.n; i++)
        n += param_at(a, i) ? a->state.tensors[i].elements : 0;
    return n;
}

/* ---- JSON ---- */

/* Names of the classes that an axis is the product of. */
static cJSON *axis_json(const tfx_layer_alone *a, const tfx_param_axes *p, uint32_t axis)
{
    cJSON *list = cJSON_CreateArray();
    for (uint32_t k = p->first[axis]; k < p->first[axis + 1]; k++)
        cJSON_AddItemToArray(list, cJSON_CreateString(class_name(&a->axes->classes[a->axes->members[k].cls])));
    return list;
}

static cJSON *param_json(const tfx_layer_alone *a, uint32_t at)
{
    const tfx_state_tensor *t = &a->state.tensors[at];
    const tfx_param_axes *p = tfx_axes_of_param(a->axes, at);
    cJSON *o = cJSON_CreateObject(), *shape, *init, *axes;
    cJSON_AddStringToObject(o, "name", tfx_layer_alone_name(t->name));
    shape = cJSON_AddArrayToObject(o, "shape");
    for (uint32_t i = 0; i < t->n_dims; i++)
        cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->dims[i]));
    init = cJSON_AddObjectToObject(o, "init");
    cJSON_AddStringToObject(init, "kind", t->init.kind == TFX_INIT_NORMAL ? "normal" : "constant");
    cJSON_AddNumberToObject(init, "mean", t->init.mean);
    cJSON_AddNumberToObject(init, "std", t->init.kind == TFX_INIT_NORMAL ? t->init.std : 0);
    if (t->grow_axis == TFX_NOT_GROWABLE)
        cJSON_AddNullToObject(o, "growable_axis");
    else
        cJSON_AddNumberToObject(o, "growable_axis", t->grow_axis);
    cJSON_AddBoolToObject(o, "decays", t->n_dims >= 2 && !(t->flags & TFX_PARAM_NO_DECAY));
    cJSON_AddBoolToObject(o, "fixed", (t->flags & TFX_PARAM_FIXED) != 0);
    cJSON_AddBoolToObject(o, "writes_residual", p && p->writes_residual);
    axes = cJSON_AddArrayToObject(o, "axes");
    for (uint32_t i = 0; p && i < p->n_axes; i++)
        cJSON_AddItemToArray(axes, axis_json(a, p, i));
    return o;
}

static cJSON *class_json(const tfx_layer_alone *a, const tfx_axis_class *c)
{
    cJSON *o = cJSON_CreateObject(), *members;
    char *notes = tfx_axis_class_notes(c);
    cJSON_AddStringToObject(o, "name", class_name(c));
    cJSON_AddNumberToObject(o, "size", (double)c->size);
    cJSON_AddStringToObject(o, "notes", notes);
    members = cJSON_AddArrayToObject(o, "members");
    for (uint32_t i = 0; i < c->n_members; i++) {
        const tfx_axis_member *m = c->members[i];
        if (!member_param(a, m))
            continue;
        cJSON *item = cJSON_CreateObject();
        char *roles = tfx_axis_member_roles(m);
        cJSON_AddItemToArray(members, item);
        cJSON_AddStringToObject(item, "parameter", member_param(a, m));
        cJSON_AddNumberToObject(item, "axis", m->axis);
        cJSON_AddNumberToObject(item, "factor", m->factor);
        cJSON_AddStringToObject(item, "roles", roles);
        free(roles);
    }
    free(notes);
    return o;
}

cJSON *tfx_plugin_layer_json(const tfx_layer_alone *a, const tfx_layer_sizes *sizes)
{
    cJSON *o = cJSON_CreateObject(), *list;
    cJSON_AddStringToObject(o, "input", a->takes_tokens ? "tokens" : "vectors");
    cJSON_AddNumberToObject(o, "dim", (double)sizes->dim);
    cJSON_AddNumberToObject(o, "out_dim", (double)sizes->out_dim);
    cJSON_AddNumberToObject(o, "context", (double)sizes->context);
    cJSON_AddNumberToObject(o, "vocab", (double)sizes->vocab);
    cJSON_AddNumberToObject(o, "elements", (double)n_elements(a));
    cJSON_AddNumberToObject(o, "flops_per_token", a->flops_per_token);
    list = cJSON_AddArrayToObject(o, "parameters");
    for (uint32_t i = 0; i < a->state.n; i++)
        if (param_at(a, i))
            cJSON_AddItemToArray(list, param_json(a, i));
    list = cJSON_AddArrayToObject(o, "axes");
    for (uint32_t i = 0; i < a->axes->n_classes; i++)
        if (is_of_layer(a, &a->axes->classes[i]))
            cJSON_AddItemToArray(list, class_json(a, &a->axes->classes[i]));
    return o;
}

/* ---- text ---- */

/* "[heads x head_dim, input]" */
static char *axes_text(const tfx_layer_alone *a, uint32_t at)
{
    const tfx_param_axes *p = tfx_axes_of_param(a->axes, at);
    tfx_text t = {0};
    tfx_text_add(&t, "[");
    for (uint32_t i = 0; p && i < p->n_axes; i++) {
        tfx_text_add(&t, "%s%s", i ? ", " : "", p->first[i] == p->first[i + 1] ? "1" : "");
        for (uint32_t k = p->first[i]; k < p->first[i + 1]; k++)
            tfx_text_add(&t, "%s%s", k > p->first[i] ? " x " : "",
                         class_name(&a->axes->classes[a->axes->members[k].cls]));
    }
    tfx_text_add(&t, "]");
    return t.s;
}

/* "axis 0 grows, not decayed" */
static char *notes_text(const tfx_state_tensor *t, const tfx_param_axes *p)
{
    tfx_text notes = {0};
    tfx_text_add(&notes, "%s", "");
    if (t->grow_axis != TFX_NOT_GROWABLE)
        tfx_text_add(&notes, "axis %d grows", t->grow_axis);
    if (t->flags & TFX_PARAM_FIXED)
        tfx_text_add(&notes, "%snever trained", notes.n ? ", " : "");
    else if (t->n_dims < 2 || t->flags & TFX_PARAM_NO_DECAY)
        tfx_text_add(&notes, "%snot decayed", notes.n ? ", " : "");
    if (p && p->writes_residual)
        tfx_text_add(&notes, "%swrites to the stream", notes.n ? ", " : "");
    return notes.s;
}

static int wider(int width, const char *text)
{
    return (int)strlen(text) > width ? (int)strlen(text) : width;
}

static void print_params(const tfx_layer_alone *a)
{
    char shape[TFX_SHAPE_TEXT];
    int name = 9, dims = 5, how = 14, along = 4;
    for (int print = 0; print < 2; print++) {
        if (print)
            printf("    %-*s  %-*s  %-*s  %-*s  %s\n", name, "parameter", dims, "shape", how, "initialisation", along,
                   "axes", "notes");
        for (uint32_t i = 0; i < a->state.n; i++) {
            const tfx_state_tensor *t = param_at(a, i);
            if (!t)
                continue;
            char *init = tfx_init_text(t), *axes = axes_text(a, i),
                 *notes = notes_text(t, tfx_axes_of_param(a->axes, i));
            tfx_format_shape(shape, t->n_dims, t->dims);
            if (print)
                printf("    %-*s  %-*s  %-*s  %-*s%s%s\n", name, tfx_layer_alone_name(t->name), dims, shape, how, init,
                       *notes ? along : 0, axes, *notes ? "  " : "", notes);
            name = wider(name, tfx_layer_alone_name(t->name));
            dims = wider(dims, shape);
            how = wider(how, init);
            along = wider(along, axes);
            free(init);
            free(axes);
            free(notes);
        }
    }
}

static int is_first_of_roles(const tfx_layer_alone *a, const tfx_axis_class *c, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (member_param(a, c->members[i]) && c->members[i]->roles == c->members[at]->roles)
            return 0;
    return member_param(a, c->members[at]) != NULL;
}

/* "l2 norm; produced, normalised: key[0]; consumed: value[0]" */
static char *uses_text(const tfx_layer_alone *a, const tfx_axis_class *c)
{
    tfx_text t = {0};
    char *notes = tfx_axis_class_notes(c);
    tfx_text_add(&t, "%s", notes);
    free(notes);
    for (uint32_t i = 0; i < c->n_members; i++) {
        if (!is_first_of_roles(a, c, i))
            continue;
        char *roles = tfx_axis_member_roles(c->members[i]);
        tfx_text_add(&t, "%s%s: ", t.n ? "; " : "", roles);
        free(roles);
        for (uint32_t k = i; k < c->n_members; k++)
            if (member_param(a, c->members[k]) && c->members[k]->roles == c->members[i]->roles)
                tfx_text_add(&t, "%s%s[%" PRIu32 "]", k > i ? ", " : "", member_param(a, c->members[k]),
                             c->members[k]->axis);
    }
    return t.s;
}

static void print_classes(const tfx_layer_alone *a)
{
    int name = 4;
    for (uint32_t i = 0; i < a->axes->n_classes; i++)
        name = is_of_layer(a, &a->axes->classes[i]) ? wider(name, class_name(&a->axes->classes[i])) : name;
    printf("    %-*s  %8s  what becomes of it\n", name, "axis", "size");
    for (uint32_t i = 0; i < a->axes->n_classes; i++) {
        const tfx_axis_class *c = &a->axes->classes[i];
        if (!is_of_layer(a, c))
            continue;
        char *uses = uses_text(a, c);
        printf("    %-*s  %8" PRId64 "  %s\n", name, class_name(c), c->size, uses);
        free(uses);
    }
}

void tfx_plugin_layer_print(const tfx_layer_alone *a, const tfx_layer_sizes *sizes)
{
    char elements[32], flops[32];
    printf("  built for %s%" PRId64 " -> %" PRId64 " in a context of %" PRId64
           ": %s parameters, %s FLOPs per token forward\n",
           a->takes_tokens ? "tokens, width " : "", sizes->dim, sizes->out_dim, sizes->context,
           tfx_format_count(elements, (double)n_elements(a)), tfx_format_count(flops, a->flops_per_token));
    if (!n_elements(a))
        return;
    print_params(a);
    printf("\n");
    print_classes(a);
}
