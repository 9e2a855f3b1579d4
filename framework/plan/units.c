#include "framework/plan/units.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"

const char *const tfx_unit_pass_names[] = {"forward", "recomputed", "backward", "update"};

/* ---- programs by name ---- */

const char *tfx_program_name(tfx_program_kind kind)
{
    static const char *const names[TFX_N_PROGRAMS] = {
        [TFX_PROGRAM_STEP] = "step",
        [TFX_PROGRAM_ACCUMULATE] = "accumulate",
        [TFX_PROGRAM_UPDATE] = "update",
        [TFX_PROGRAM_EVAL] = "eval",
        [TFX_PROGRAM_MEASURED + TFX_PROGRAM_STEP] = "measured-step",
        [TFX_PROGRAM_MEASURED + TFX_PROGRAM_ACCUMULATE] = "measured-accumulate",
        [TFX_PROGRAM_MEASURED + TFX_PROGRAM_UPDATE] = "measured-update",
    };
    return names[kind];
}

tfx_program_kind tfx_stage_find_program(const tfx_stage_plan *s, const char *name, tfx_error *err)
{
    tfx_suggest known = {.name = name, .listed = 1};
    tfx_text has = {0};
    for (int k = 0; k < TFX_N_PROGRAMS && name; k++) {
        if (!tfx_program_name(k) || !s->programs[k].placement)
            continue;
        if (!strcmp(tfx_program_name(k), name)) {
            tfx_suggest_end(&known, NULL, err);
            tfx_text_free(&has);
            return k;
        }
        tfx_suggest_add(&known, "%s", tfx_program_name(k));
        tfx_text_add(&has, "%s%s", has.n ? ", " : "", tfx_program_name(k));
    }
    if (!name)
        return tfx_stage_pass(s);
    tfx_fail(err, TFX_E_INVALID, "--program: this stage has no program \"%s\"; it has %s", name, has.s);
    tfx_suggest_end(&known, NULL, err);
    tfx_text_free(&has);
    return TFX_N_PROGRAMS;
}

/* ---- ops ---- */

/* Of an op that has kinds, which are a layer's words for it. */
static const char *kind_name(const tfx_node *n)
{
    static const char *const unaries[TFX_SIGN + 1] = {NULL,   "neg",  "exp",  "log",      "sqrt",      "rsqrt",
                                                      "tanh", "relu", "silu", "gelu_erf", "gelu_tanh", "sign"};
    static const char *const norms[TFX_NORM_L2 + 1] = {NULL, "layer_norm", "rms_norm", "l2_norm"};
    if (n->op == TFX_OP_UNARY || n->op == TFX_OP_UNARY_GRAD)
        return unaries[n->ints[0]];
    return n->op == TFX_OP_NORM || n->op == TFX_OP_NORM_GRAD ? norms[n->ints[0]] : NULL;
}

const char *tfx_node_name(const tfx_node *n, char *buf, size_t size)
{
    const char *kind = kind_name(n);
    int grad = n->op == TFX_OP_UNARY_GRAD || n->op == TFX_OP_NORM_GRAD;
    snprintf(buf, size, "%s%s",
             n->op == TFX_OP_CUSTOM ? n->custom->id
             : kind                 ? kind
                                    : tfx_op_name(n->op),
             grad ? "_grad" : "");
    return buf;
}

/* Adds those of a unit whose mark `again` is as asked; a name that was there is counted instead. */
static void add_names(tfx_text *t, const tfx_step *step, const tfx_placed_node *marks, int again)
{
    char name[128], other[128];
    for (uint32_t i = 0, first = 1; i < step->n_nodes; i++) {
        uint32_t times = 0, before = 0;
        if (tfx_op_info_of(step->nodes[i]->op)->free_in_unit && step->n_nodes > 1)
            continue;
        tfx_node_name(step->nodes[i], name, sizeof(name));
        for (uint32_t k = 0; k < step->n_nodes; k++) {
            int same = !marks[k].recomputed == !again &&
                       !strcmp(tfx_node_name(step->nodes[k], other, sizeof(other)), name);
            times += (uint32_t)same;
            before += same && k < i;
        }
        if (!marks[i].recomputed != !again || before)
            continue;
        tfx_text_add(t, "%s%s", first ? "" : " ", name);
        if (times > 1)
            tfx_text_add(t, " x%u", times);
        first = 0;
    }
}

static uint32_t state_at(const tfx_state_layout *s, uint64_t offset)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->tensors[i].offset == offset)
            return i;
    return TFX_STATE_NONE;
}

/* Adds " weight" for the parameter in "blocks.0.ffn.up.weight", or in "blocks.0.ffn.up.weight/grad sum". */
static void add_param(tfx_text *t, const char *before, const char *name)
{
    const char *last = strrchr(name, '.');
    last = last ? last + 1 : name;
    tfx_text_add(t, "%s%.*s", before, (int)strcspn(last, "/"), last);
}

/* Which parameter a product reads, and which one's gradient a unit adds to. */
static void add_params(tfx_text *t, const tfx_unit_list *l, const tfx_unit_info *u)
{
    const tfx_state_layout *state = &l->stage->state;
    const tfx_node *n = u->step->nodes[0];
    for (uint32_t k = 0; u->step->n_nodes == 1 && k < n->n_in; k++) {
        const tfx_tensor *x = l->placement->program.tensors[n->in[k]];
        uint32_t at = x->buffer == TFX_BUFFER_STATE ? state_at(state, x->offset) : TFX_STATE_NONE;
        if (at != TFX_STATE_NONE &&
            (state->tensors[at].kind == TFX_STATE_PARAM || state->tensors[at].kind == TFX_STATE_COPY))
            add_param(t, " ", state->tensors[at].name);
    }
    if (u->pass == TFX_PASS_BACKWARD && u->n_results == 1 && u->results->state != TFX_STATE_NONE)
        add_param(t, " to ", state->tensors[u->results->state].name);
}

static char *ops_text(const tfx_unit_list *l, const tfx_unit_info *u, const tfx_placed_node *marks)
{
    tfx_text first = {0}, again = {0};
    add_names(&first, u->step, marks, 0);
    add_names(&again, u->step, marks, 1);
    if (first.n && again.n)
        tfx_text_add(&first, " (again: %s)", again.s);
    else if (again.n)
        tfx_text_add(&first, "%s", again.s);
    tfx_text_free(&again);
    add_params(&first, l, u);
    return first.s ? first.s : tfx_strdup("");
}

/* ---- one unit ---- */

static tfx_unit_pass pass_of_node(const tfx_placed_node *n)
{
    return n->update       ? TFX_PASS_UPDATE
           : n->recomputed ? TFX_PASS_AGAIN
           : n->backward   ? TFX_PASS_BACKWARD
                           : TFX_PASS_FORWARD;
}

/* What a backward pass makes again in passing is no pass of its own. */
static tfx_unit_pass pass_of(const tfx_step *step, const tfx_placed_node *marks)
{
    tfx_unit_pass first = TFX_N_PASSES;
    for (uint32_t i = 0; i < step->n_nodes; i++) {
        tfx_unit_pass pass = pass_of_node(&marks[i]);
        if (tfx_op_info_of(step->nodes[i]->op)->free_in_unit && step->n_nodes > 1)
            continue;
        if (first == TFX_N_PASSES || (first == TFX_PASS_AGAIN && pass != TFX_PASS_AGAIN))
            first = pass;
    }
    return first == TFX_N_PASSES ? pass_of_node(&marks[0]) : first;
}

static void find_sites(tfx_unit_info *u, const tfx_placed_node *marks)
{
    u->sites = TFX_NEW_ARRAY(uint32_t, u->step->n_nodes);
    for (uint32_t i = 0; i < u->step->n_nodes; i++) {
        int known = !marks[i].site || (tfx_op_info_of(u->step->nodes[i]->op)->free_in_unit && u->step->n_nodes > 1);
        for (uint32_t k = 0; k < u->n_sites; k++)
            known |= u->sites[k] == marks[i].site;
        if (!known)
            u->sites[u->n_sites++] = marks[i].site;
    }
}

static void add_result(tfx_unit_list *l, tfx_unit_info *u, tfx_value v, const tfx_tensor *t)
{
    tfx_unit_result *r = &u->results[u->n_results++];
    *r = (tfx_unit_result){v,
                           t,
                           tfx_shape_elements(t->n_dims, t->dims) * tfx_dtype_bytes(t->dtype),
                           l->placement->last_read[v],
                           0,
                           TFX_STATE_NONE};
    if (t->buffer == TFX_BUFFER_STATE)
        r->state = state_at(&l->stage->state, t->offset);
    else
        u->arena_bytes += r->bytes;
}

static void describe(tfx_unit_list *l, uint32_t at)
{
    tfx_unit_info *u = &l->items[at];
    const tfx_placed_node *marks = l->placement->nodes[at];
    uint32_t most = 0;
    u->step = l->placement->program.steps[at];
    u->pass = pass_of(u->step, marks);
    u->live = l->placement->live[at];
    find_sites(u, marks);
    for (uint32_t i = 0; i < u->step->n_nodes; i++)
        most += u->step->nodes[i]->n_out + 1;
    u->results = TFX_NEW_ARRAY(tfx_unit_result, most);
    for (uint32_t i = 0; i < u->step->n_nodes; i++) {
        const tfx_node *n = u->step->nodes[i];
        *(marks[i].recomputed ? &u->recomputed : &u->flops) += marks[i].flops;
        for (uint32_t k = 0; k < n->n_out; k++)
            if (l->placement->program.tensors[n->out[k]]->buffer != TFX_BUFFER_NONE)
                add_result(l, u, n->out[k], l->placement->program.tensors[n->out[k]]);
        if (n->op == TFX_OP_STORE) /* that copies */
            add_result(l, u, n->in[1], l->placement->program.tensors[n->in[1]]);
    }
    u->ops = ops_text(l, u, marks);
}

/* ---- who reads what ----
 *
 * A reader may have a view of a result, which has a handle of its own; so results are found by where they are. */

typedef struct place {
    uint64_t offset;
    uint32_t unit; /* that wrote there last */
    tfx_unit_result *result;
} place;

static void add_read(tfx_unit_info *u, uint32_t unit)
{
    uint32_t at = u->n_reads;
    for (uint32_t i = 0; i < u->n_reads; i++)
        if (u->reads[i] == unit)
            return;
    for (; at && u->reads[at - 1] > unit; at--)
        u->reads[at] = u->reads[at - 1];
    u->reads[at] = unit;
    u->n_reads++;
}

/* What a unit makes itself is not yet where something else was before. */
static int is_made_within(const tfx_step *step, tfx_value v)
{
    for (uint32_t i = 0; i < step->n_nodes; i++)
        for (uint32_t k = 0; k < step->nodes[i]->n_out; k++)
            if (step->nodes[i]->out[k] == v)
                return 1;
    return 0;
}

static void find_reads(tfx_unit_list *l)
{
    uint32_t end =
        0; /* of the forward pass; of logits that are made in parts, it makes some after the backward pass of others */
    for (uint32_t at = 0; at < l->n; at++)
        end = l->items[at].pass == TFX_PASS_FORWARD ? at : end;
    place *places = NULL;
    uint32_t n = 0;
    size_t cap = 0;
    for (uint32_t at = 0; at < l->n; at++) {
        tfx_unit_info *u = &l->items[at];
        uint32_t most = 0;
        for (uint32_t i = 0; i < u->step->n_nodes; i++)
            most += u->step->nodes[i]->n_in;
        u->reads = TFX_NEW_ARRAY(uint32_t, most);
        for (uint32_t i = 0; i < u->step->n_nodes; i++)
            for (uint32_t k = 0; k < u->step->nodes[i]->n_in; k++) {
                const tfx_tensor *t = l->placement->program.tensors[u->step->nodes[i]->in[k]];
                if (t->buffer != TFX_BUFFER_ARENA || is_made_within(u->step, u->step->nodes[i]->in[k]))
                    continue;
                for (uint32_t p = 0; p < n; p++) {
                    if (places[p].offset != t->offset)
                        continue;
                    add_read(u, places[p].unit);
                    places[p].result->kept |= u->pass != TFX_PASS_FORWARD && places[p].result->last_read > end &&
                                              l->items[places[p].unit].pass == TFX_PASS_FORWARD;
                }
            }
        for (uint32_t r = 0; r < u->n_results; r++) {
            uint32_t p = 0;
            if (u->results[r].state != TFX_STATE_NONE)
                continue;
            while (p < n && places[p].offset != u->results[r].tensor->offset)
                p++;
            if (p == n)
                (void)TFX_APPEND(places, n, cap);
            places[p] = (place){u->results[r].tensor->offset, at, &u->results[r]};
        }
    }
    free(places);
}

/* ---- all ---- */

void tfx_units_describe(tfx_unit_list *l, const tfx_stage_plan *s, tfx_program_kind kind)
{
    *l = (tfx_unit_list){.stage = s, .kind = kind, .placement = s->programs[kind].placement};
    l->n = l->placement->program.n_steps;
    l->items = TFX_NEW_ARRAY(tfx_unit_info, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        describe(l, i);
        l->peak = l->items[i].live > l->items[l->peak].live ? i : l->peak;
    }
    find_reads(l);
    for (uint32_t i = 0; i < l->n; i++)
        for (uint32_t r = 0; r < l->items[i].n_results; r++)
            l->items[i].kept_bytes += l->items[i].results[r].kept ? l->items[i].results[r].bytes : 0;
}

void tfx_units_finish(tfx_unit_list *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        free(l->items[i].sites);
        free(l->items[i].ops);
        free(l->items[i].results);
        free(l->items[i].reads);
    }
    free(l->items);
    *l = (tfx_unit_list){0};
}
