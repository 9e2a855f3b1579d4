/* The programs of a stage that generate: the same model over one position after the other, from its graph over all of them. */
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/graph/incremental.h"
#include "framework/model/build.h"
#include "framework/plan/stage_builder.h"

/* How many positions of a prompt are computed at once: products are then no longer bound by reading the weights. */
#define PREFIX_POSITIONS 64

static tfx_stage_extension add_extension(tfx_stage_plan *s, const char *name, int64_t n)
{
    char *tokens = tfx_printf("/%s tokens", name), *positions = tfx_printf("/%s positions", name);
    int64_t dims[2] = {s->rows, n};
    tfx_stage_extension x = {tfx_state_add(&s->state, TFX_STATE_INPUT, tokens, TFX_I32, 2, dims),
                             tfx_state_add(&s->state, TFX_STATE_INPUT, positions, TFX_I32, 2, dims), n};
    free(tokens);
    free(positions);
    return x;
}

void tfx_stage_add_extensions(tfx_stage_plan *s)
{
    s->prefix = add_extension(s, "prefix", s->context < PREFIX_POSITIONS ? s->context : PREFIX_POSITIONS);
    s->next = add_extension(s, "next", 1);
}

/* The logits of the new positions, which may be none for `why`. */
static tfx_value build_extension(const tfx_stage_builder *b, const tfx_graph *full, tfx_value logits,
                                 const tfx_stage_extension *x, tfx_graph *g, tfx_error *why)
{
    tfx_stage_begin_graph(b, g, 0);
    const tfx_incremental p = {.from = full,
                               .tokens = full->state_values[b->s->tokens],
                               .logits = logits,
                               .new_tokens = tfx_emit_state(g, x->tokens),
                               .positions = tfx_emit_state(g, x->positions)};
    return tfx_incremental_build(&p, g, why);
}

/* Whether there are both programs. Custom ops are lowered, whose kernels may look anywhere. */
int tfx_stage_build_extensions(const tfx_stage_builder *b)
{
    tfx_stage_plan *s = b->s;
    tfx_error why = {0};
    tfx_graph full, prefix, next;
    tfx_stage_outputs o = {0};
    tfx_stage_begin_graph(b, &full, 0);
    full.device = NULL;
    full.dropout_key = tfx_emit_state(&full, s->key);
    tfx_value logits = tfx_model_build(s->model, &full, tfx_emit_state(&full, s->tokens), 0);
    if (b->err->status == TFX_OK && s->context > 1) {
        tfx_stage_declare_copies(b, &full);
        build_extension(b, &full, logits, &s->prefix, &prefix, &why);
        o.logits = build_extension(b, &full, logits, &s->next, &next, &why);
        s->state.frozen |= why.status == TFX_OK;
        for (int k = 0; k < 2; k++) {
            tfx_graph *g = k ? &next : &prefix;
            if (why.status == TFX_OK && b->err->status == TFX_OK)
                tfx_stage_finish_graph(b, g, k ? TFX_PROGRAM_NEXT : TFX_PROGRAM_PREFIX, k ? o : (tfx_stage_outputs){0});
            else
                tfx_graph_finish(g);
        }
    }
    tfx_graph_finish(&full);
    int complete = 1;
    for (int k = TFX_PROGRAM_PREFIX; k <= TFX_PROGRAM_NEXT; k++) {
        const tfx_placement *p = s->programs[k].placement;
        complete &= p && !tfx_stage_find_unsupported(b, &p->program);
    }
    if (!complete)
        s->whole_windows = tfx_strdup(why.status != TFX_OK ? why.text
                                      : s->context < 2     ? "its context is 1"
                                                           : "the backend cannot do it");
    for (int k = TFX_PROGRAM_PREFIX; k <= TFX_PROGRAM_NEXT && !complete; k++) {
        tfx_placement_destroy(s->programs[k].placement);
        s->programs[k] = (tfx_stage_program){0};
    }
    return complete;
}
