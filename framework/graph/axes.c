#include "framework/graph/axes.h"

#include "framework/base/memory.h"
#include "framework/graph/writers.h"

typedef struct assembly {
    tfx_axes *a;
    tfx_axis_walk w;
    uint32_t *class_of; /* per atom that is a root: index of its class + 1, or 0 */
    size_t cap_classes, cap_members, cap_params;
} assembly;

static uint32_t class_of(assembly *s, uint32_t atom)
{
    if (!s->class_of[atom]) {
        const tfx_atom *from = &s->w.atoms.items[atom];
        *TFX_APPEND(s->a->classes, s->a->n_classes,
                    s->cap_classes) = (tfx_axis_class){.size = from->size, .marks = from->marks, .rigid = from->rigid};
        s->class_of[atom] = s->a->n_classes;
    }
    return s->class_of[atom] - 1;
}

static void add_param(assembly *s, uint32_t state, tfx_value v, int writes_residual)
{
    tfx_axes *a = s->a;
    const tfx_axis_value *value = &s->w.values[v];
    const uint8_t *role = value->roles;
    tfx_param_axes *p = TFX_APPEND(a->params, a->n_params, s->cap_params);
    *p = (tfx_param_axes){.state = state, .n_axes = s->w.g->values[v].n_dims, .writes_residual = writes_residual};
    for (uint32_t i = 0; i < p->n_axes; i++) {
        tfx_atom_list parts = {0};
        p->first[i] = a->n_members;
        tfx_atom_parts(&s->w.atoms, value->dims[i], &parts);
        for (uint32_t k = 0; k < parts.n; k++) {
            uint32_t cls = class_of(s, parts.items[k]);
            a->classes[cls].n_members++;
            *TFX_APPEND(a->members, a->n_members, s->cap_members) = (tfx_axis_member){
                .param = a->n_params - 1, .axis = i, .factor = k, .cls = cls, .roles = *role++};
        }
        free(parts.items);
    }
    p->first[p->n_axes] = a->n_members;
}

static void list_members(tfx_axes *a)
{
    for (uint32_t c = 0; c < a->n_classes; c++) {
        a->classes[c].members = TFX_NEW_ARRAY(const tfx_axis_member *, a->classes[c].n_members);
        a->classes[c].n_members = 0;
    }
    for (uint32_t m = 0; m < a->n_members; m++) {
        tfx_axis_class *c = &a->classes[a->members[m].cls];
        c->members[c->n_members++] = &a->members[m];
    }
}

/* The stream that most is added to, and of several the first: a layer may have a small one of its own. */
static void choose_stream(assembly *s, const tfx_writers *r)
{
    uint32_t best = TFX_NO_ATOM, most = 0, *count = TFX_NEW_ARRAY(uint32_t, s->w.atoms.n);
    for (uint32_t i = 0; i < r->adds.n; i++)
        count[tfx_atom_root(&s->w.atoms, r->adds.items[i])]++;
    for (uint32_t i = 0; i < r->adds.n; i++) {
        uint32_t atom = tfx_atom_root(&s->w.atoms, r->adds.items[i]);
        if (atom != TFX_NO_ATOM && count[atom] > most) {
            best = atom;
            most = count[atom];
        }
    }
    free(count);
    tfx_atom_list parts = {0};
    tfx_atom_parts(&s->w.atoms, best, &parts);
    s->a->residual = TFX_NEW_ARRAY(uint32_t, parts.n);
    for (uint32_t i = 0; i < parts.n; i++)
        if (s->class_of[parts.items[i]])
            s->a->residual[s->a->n_residual++] = s->class_of[parts.items[i]] - 1;
    free(parts.items);
}

tfx_axes *tfx_axes_create(const tfx_graph *g)
{
    assembly s = {.a = TFX_NEW(tfx_axes)};
    tfx_writers writers;
    tfx_axis_walk_run(&s.w, g);
    tfx_writers_find(&writers, &s.w);
    s.class_of = TFX_NEW_ARRAY(uint32_t, s.w.atoms.n);
    for (uint32_t i = 0; i < g->state->n && i < g->n_state_values; i++)
        if (g->state->tensors[i].kind == TFX_STATE_PARAM && g->state_values[i])
            add_param(&s, i, g->state_values[i], writers.writes[i]);
    list_members(s.a);
    choose_stream(&s, &writers);
    tfx_writers_finish(&writers);
    tfx_axis_walk_finish(&s.w);
    free(s.class_of);
    return s.a;
}

void tfx_axes_destroy(tfx_axes *a)
{
    if (!a)
        return;
    for (uint32_t c = 0; c < a->n_classes; c++) {
        free(a->classes[c].name);
        free(a->classes[c].members);
    }
    free(a->classes);
    free(a->params);
    free(a->members);
    free(a->residual);
    free(a);
}

const tfx_param_axes *tfx_axes_of_param(const tfx_axes *a, uint32_t state)
{
    uint32_t from = 0, to = a->n_params;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (a->params[middle].state == state)
            return &a->params[middle];
        *(a->params[middle].state < state ? &from : &to) = a->params[middle].state < state ? middle + 1 : middle;
    }
    return NULL;
}
