#include "framework/model/growth_proof.h"

#include <assert.h>

#include "framework/base/memory.h"
#include "framework/graph/proof.h"
#include "framework/model/build.h"

/* One of the two models as a graph of its forward pass. */
typedef struct side {
    tfx_state_layout state;
    tfx_made_values made;
    tfx_graph g;
    tfx_value logits;
} side;

/* Both sides have a batch of the same size, and of more than one row, so that what goes over rows is seen. */
enum { ROWS = 2 };

static void open_side(side *s, const tfx_model *m, const tfx_registry *registry, tfx_error *err)
{
    *s = (side){0};
    uint32_t at = tfx_state_add(&s->state, TFX_STATE_INPUT, "/tokens", TFX_I32, 2, (int64_t[]){ROWS, m->context});
    tfx_graph_init(&s->g, &s->state, err);
    s->g.registry = registry;
    s->g.made = &s->made;
    s->logits = tfx_model_build(m, &s->g, tfx_emit_state(&s->g, at), 0);
}

static void close_side(side *s)
{
    tfx_graph_finish(&s->g);
    tfx_made_values_finish(&s->made);
    tfx_state_finish(&s->state);
}

/* ---- what parameters are ---- */

typedef struct proving {
    const tfx_growth_map *map;
    side old, now;
    tfx_proof *proof;
} proving;

/* Whether elements without a source are zero. */
static int fills_with_zeros(const tfx_map_param *p, const tfx_init *init)
{
    switch (p->fill) {
    case TFX_FILL_ZERO: return 1;
    case TFX_FILL_NORMAL: return p->std == 0;
    case TFX_FILL_INIT: return init->mean == 0 && (init->kind == TFX_INIT_CONSTANT || init->std == 0);
    }
    return 0;
}

static tfx_relation *factor_relation(tfx_relations *r, const tfx_factor_map *f, const char *name, int zeros,
                                     const char *filled)
{
    tfx_relation *to = tfx_relation_new(r, f->n, f->n_old, name);
    for (int64_t i = 0; i < f->n; i++) {
        double scale = f->scale ? f->scale[i] : 1;
        to->scale[i] = 1;
        if (f->index[i] == TFX_INDEX_NEW && !zeros)
            tfx_relation_set_any(to, i, filled);
        else if (f->index[i] == TFX_INDEX_NEW || scale == 0)
            to->index[i] = TFX_RELATION_ZERO;
        else {
            to->index[i] = f->index[i] == TFX_INDEX_MEAN ? TFX_RELATION_MEAN : f->index[i];
            to->scale[i] = scale;
        }
    }
    return to;
}

static tfx_related of_source(proving *v, const tfx_model_param *p, const tfx_map_source *s, int zeros,
                             const char *filled)
{
    tfx_relations *r = tfx_proof_relations(v->proof);
    const tfx_model_view *to = tfx_growth_map_to(v->map);
    tfx_related x = {.kind = s->weight == 0 ? TFX_ZERO : TFX_RELATED, .factor = s->weight, .filled = !zeros};
    uint32_t old = tfx_state_find(&v->old.state, tfx_growth_map_from(v->map)->params[s->old]->path);
    assert(old != TFX_STATE_NONE);
    x.old = v->old.g.state_values[old];
    int64_t whole[2] = {1, 1};
    for (uint32_t f = 0; f < p->n_factors; f++) {
        const tfx_factor_map *m = &s->factors[f];
        uint32_t axis = p->factors[f]->axis;
        int64_t size[2] = {m->n, m->n_old};
        const tfx_relation *one = factor_relation(r, m, to->classes[p->factors[f]->cls]->name, zeros, filled);
        int starts = !f || p->factors[f - 1]->axis != axis;
        x.dims[axis] = starts ? one : tfx_relation_join(r, x.dims[axis], one, whole, size);
        for (int g = 0; g < 2; g++)
            whole[g] = starts ? size[g] : whole[g] * size[g];
    }
    return x;
}

static int fills_any(const tfx_model_param *p, const tfx_map_source *s)
{
    for (uint32_t f = 0; f < p->n_factors; f++)
        for (int64_t i = 0; i < s->factors[f].n; i++)
            if (s->factors[f].index[i] == TFX_INDEX_NEW)
                return 1;
    return 0;
}

static tfx_related param_related(proving *v, uint32_t i, const tfx_init *init)
{
    const tfx_model_param *p = tfx_growth_map_to(v->map)->params[i];
    const tfx_map_param *m = tfx_growth_map_param(v->map, i);
    tfx_relations *r = tfx_proof_relations(v->proof);
    int zeros = fills_with_zeros(m, init);
    const char *filled = tfx_relations_text(r, "%s is new there, and filled %s", p->path,
                                            m->fill == TFX_FILL_INIT ? "by its layer's initialisation" : "at random");
    if (m->n_sources == 0)
        return (tfx_related){
            .kind = zeros ? TFX_ZERO : TFX_UNRELATED, .absent = 1, .why = tfx_relations_text(r, "%s is new", p->path)};
    if (m->n_sources > 1)
        return (tfx_related){.absent = 1,
                             .why = tfx_relations_text(r, "%s is a sum of several old parameters", p->path)};
    if (m->sources[0].weight == 0 && !zeros && fills_any(p, &m->sources[0]))
        return (tfx_related){.absent = 1, .why = filled};
    return of_source(v, p, &m->sources[0], zeros, filled);
}

static void relate_params(proving *v)
{
    const tfx_model_view *to = tfx_growth_map_to(v->map);
    for (uint32_t i = 0; i < to->n_params; i++) {
        uint32_t at = tfx_state_find(&v->now.state, to->params[i]->path);
        assert(at != TFX_STATE_NONE);
        tfx_related x = param_related(v, i, &v->now.state.tensors[at].init);
        tfx_proof_param(v->proof, at, &x);
    }
}

/* ---- the claim ---- */

static void state_claim(proving *v, tfx_growth_claim *claim)
{
    const char *why;
    v->proof = tfx_proof_create(&v->old.g, &v->now.g);
    relate_params(v);
    int same = tfx_proof_same(v->proof, v->now.logits, v->old.logits, &claim->logit_factor, &why);
    claim->preserves = same && tfx_relation_near(claim->logit_factor, 1);
    claim->why = same && !claim->preserves ? tfx_printf("the logits are %.9g times what they were", claim->logit_factor)
                                           : tfx_strdup(why);
    tfx_proof_destroy(v->proof);
}

tfx_status tfx_growth_prove(const tfx_model *from, const tfx_model *to, const tfx_growth_map *map,
                            const tfx_registry *registry, tfx_growth_claim *claim, tfx_error *err)
{
    proving v = {.map = map};
    *claim = (tfx_growth_claim){0};
    open_side(&v.old, from, registry, err);
    open_side(&v.now, to, registry, err);
    if (v.old.logits && v.now.logits)
        state_claim(&v, claim);
    close_side(&v.old);
    close_side(&v.now);
    return err->status;
}

void tfx_growth_claim_finish(tfx_growth_claim *claim)
{
    free(claim->why);
    *claim = (tfx_growth_claim){0};
}

char *tfx_growth_claim_text(const tfx_growth_claim *claim)
{
    return tfx_printf("%s the function: %s",
                      claim->preserves           ? "keeps"
                      : claim->logit_factor != 0 ? "changes"
                                                 : "may change",
                      claim->why);
}
