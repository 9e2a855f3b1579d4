/* The units of a program as JSON: all that is known of them. */
#include <cjson/cJSON.h>
#include <inttypes.h>

#include "framework/plan/units_text.h"

static cJSON *shape_json(const tfx_tensor *t)
{
    cJSON *shape = cJSON_CreateArray();
    for (uint32_t i = 0; i < t->n_dims; i++)
        cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->dims[i]));
    return shape;
}

static void add_or_null(cJSON *o, const char *key, const char *text)
{
    cJSON_AddItemToObject(o, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

/* What of the program's outputs a result is. */
static const char *output_name(const tfx_unit_list *l, const tfx_tensor *t)
{
    const tfx_stage_program *p = &l->stage->programs[l->kind];
    return t == p->loss        ? "loss"
           : t == p->grad_norm ? "grad_norm"
           : t == p->logits    ? "logits"
           : t == p->sums      ? "sums"
           : t == p->energies  ? "energies"
                               : NULL;
}

static cJSON *result_json(const tfx_unit_list *l, const tfx_unit_result *r, uint32_t unit)
{
    cJSON *o = cJSON_CreateObject();
    const tfx_state_tensor *state = r->state == TFX_STATE_NONE ? NULL : &l->stage->state.tensors[r->state];
    cJSON_AddItemToObject(o, "shape", shape_json(r->tensor));
    cJSON_AddStringToObject(o, "dtype", tfx_dtype_name(r->tensor->dtype));
    cJSON_AddNumberToObject(o, "bytes", (double)r->bytes);
    cJSON_AddStringToObject(o, "buffer", state ? "state" : "arena");
    cJSON_AddNumberToObject(o, "offset", (double)r->tensor->offset);
    add_or_null(o, "state", state ? state->name : NULL);
    add_or_null(o, "output", output_name(l, r->tensor));
    cJSON_AddNumberToObject(o, "last_unit",
                            state || r->last_read == l->n    ? l->n - 1
                            : r->last_read == TFX_NEVER_READ ? unit
                                                             : r->last_read);
    cJSON_AddBoolToObject(o, "kept_for_backward", r->kept);
    return o;
}

static cJSON *op_json(const tfx_unit_list *l, const tfx_node *n, const tfx_placed_node *mark)
{
    char name[128];
    cJSON *o = cJSON_CreateObject();
    const tfx_site *site = mark->site ? &l->stage->sites.items[mark->site - 1] : NULL;
    cJSON_AddStringToObject(o, "op", tfx_node_name(n, name, sizeof(name)));
    add_or_null(o, "layer", site ? site->path : NULL);
    add_or_null(o, "class", site ? site->by : NULL);
    if (n->n_out)
        cJSON_AddItemToObject(o, "shape", shape_json(l->placement->program.tensors[n->out[0]]));
    else
        cJSON_AddNullToObject(o, "shape");
    cJSON_AddNumberToObject(o, "flops", mark->flops);
    cJSON_AddBoolToObject(o, "backward", mark->backward);
    cJSON_AddBoolToObject(o, "recomputed", mark->recomputed);
    cJSON_AddBoolToObject(o, "update", mark->update);
    return o;
}

static cJSON *unit_json(const tfx_unit_list *l, uint32_t at)
{
    const tfx_unit_info *u = &l->items[at];
    cJSON *o = cJSON_CreateObject(), *list;
    cJSON_AddNumberToObject(o, "unit", at);
    cJSON_AddStringToObject(o, "pass", tfx_unit_pass_names[u->pass]);
    list = cJSON_AddArrayToObject(o, "layers");
    for (uint32_t i = 0; i < u->n_sites; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(l->stage->sites.items[u->sites[i] - 1].path));
    cJSON_AddNumberToObject(o, "flops", u->flops);
    cJSON_AddNumberToObject(o, "recomputed_flops", u->recomputed);
    cJSON_AddNumberToObject(o, "arena_bytes", (double)u->arena_bytes);
    cJSON_AddNumberToObject(o, "kept_bytes", (double)u->kept_bytes);
    cJSON_AddNumberToObject(o, "live_bytes", (double)u->live);
    list = cJSON_AddArrayToObject(o, "reads");
    for (uint32_t i = 0; i < u->n_reads; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(u->reads[i]));
    list = cJSON_AddArrayToObject(o, "results");
    for (uint32_t i = 0; i < u->n_results; i++)
        cJSON_AddItemToArray(list, result_json(l, &u->results[i], at));
    list = cJSON_AddArrayToObject(o, "ops");
    for (uint32_t i = 0; i < u->step->n_nodes; i++)
        cJSON_AddItemToArray(list, op_json(l, u->step->nodes[i], &l->placement->nodes[at][i]));
    return o;
}

cJSON *tfx_units_json(const tfx_unit_list *l)
{
    const tfx_stage_plan *s = l->stage;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "stage", s->index);
    cJSON_AddStringToObject(o, "model", s->model->name);
    cJSON_AddStringToObject(o, "program", tfx_program_name(l->kind));
    cJSON_AddNumberToObject(o, "rows", (double)(l->kind == TFX_PROGRAM_EVAL ? s->rows : s->micro_batch));
    cJSON_AddNumberToObject(o, "context", (double)s->context);
    cJSON_AddNumberToObject(o, "micro_batches", (double)s->n_micro);
    cJSON_AddNumberToObject(o, "blocks", (double)s->model->n_blocks);
    cJSON_AddNumberToObject(o, "parameters", (double)s->n_params);
    cJSON_AddNumberToObject(o, "flops", l->placement->cost.flops);
    cJSON_AddNumberToObject(o, "recomputed_flops", l->placement->cost.recomputed);
    cJSON_AddNumberToObject(o, "flops_per_token", s->flops_per_token);
    cJSON_AddNumberToObject(o, "program_arena_bytes", (double)l->placement->program.arena_bytes);
    cJSON_AddNumberToObject(o, "state_bytes", (double)s->state.bytes);
    cJSON_AddNumberToObject(o, "arena_bytes", (double)s->arena_bytes);
    cJSON_AddNumberToObject(o, "workspace_bytes", (double)s->workspace_bytes);
    cJSON_AddNumberToObject(o, "peak_bytes", (double)tfx_stage_peak_bytes(s));
    cJSON_AddNumberToObject(o, "peak_unit", l->peak);
    cJSON *units = cJSON_AddArrayToObject(o, "units");
    for (uint32_t i = 0; i < l->n; i++)
        cJSON_AddItemToArray(units, unit_json(l, i));
    return o;
}
