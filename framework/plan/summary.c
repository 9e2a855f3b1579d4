#include "framework/plan/summary.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/text.h"
#include "framework/plan/budget.h"
#include "framework/plan/capacity.h"
#include "framework/plan/origin.h"
#include "framework/plugin/calls/backend_calls.h"
#include "framework/spec/declarations.h"

/* The share of the measured matrix speed that whole training steps of large models reach (the rest is
 * memory traffic); tests/bench prints the figure for the GPT-2 124M step. */
#define STEP_EFFICIENCY 0.85

/* `step`: of one step, where it was measured. */
static double stage_seconds(const tfx_stage_plan *s, double step, const tfx_device_speed *speed)
{
    double flops = s->train.compute == TFX_BF16 && speed->best_bf16 > 0 ? speed->best_bf16 : speed->best;
    return (double)s->steps * (step > 0 ? step : s->executed_flops / (flops * STEP_EFFICIENCY));
}

/* Each takes a fraction of a second. */
#define MEASUREMENTS 5

tfx_device_speed tfx_device_speed_measure(const tfx_device *device, tfx_arm_plan *const *arms, size_t n_arms)
{
    tfx_device_speed s = {0, 0, 0};
    int bf16 = 0;
    for (size_t i = 0; i < n_arms; i++)
        bf16 |= arms[i]->arm->train.compute == TFX_BF16;
    for (int i = 0; i < MEASUREMENTS; i++) {
        double flops = tfx_call_backend_measure_flops(device->cls, device->backend, 0);
        s.best = flops > s.best ? flops : s.best;
        s.lowest = i == 0 || flops < s.lowest ? flops : s.lowest;
        flops = bf16 ? tfx_call_backend_measure_flops(device->cls, device->backend, 1) : 0;
        s.best_bf16 = flops > s.best_bf16 ? flops : s.best_bf16;
    }
    return s;
}

static void print_start(const tfx_arm_plan *p, FILE *out)
{
    char tokens[32];
    const tfx_origin *o = p->origin;
    const tfx_start *s = &p->arm->start;
    fprintf(out,
            "start: [arm %s] from %s, optimizer state %s, data %s; %s tokens and %.4g FLOPs before it, %.4g "
            "FLOPs in all.\n",
            p->arm->name, o->what, o->carry == TFX_STATE_RESET ? "reset" : "kept",
            s->continue_data ? "continued" : "restarted", tfx_format_count(tokens, (double)o->before.tokens),
            o->before.flops, o->before.flops + tfx_arm_plan_flops(p));
}

static cJSON *start_json(const tfx_arm_plan *p)
{
    const tfx_origin *o = p->origin;
    const tfx_start *s = &p->arm->start;
    char *text = tfx_start_text(s);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "start", text);
    cJSON_AddStringToObject(json, "from", o->what);
    cJSON_AddStringToObject(json, "optimizer", o->carry == TFX_STATE_RESET ? "reset" : "keep");
    cJSON_AddStringToObject(json, "data", s->continue_data ? "continue" : "restart");
    cJSON_AddNumberToObject(json, "steps_before", (double)o->before.steps);
    cJSON_AddNumberToObject(json, "tokens_before", (double)o->before.tokens);
    cJSON_AddNumberToObject(json, "flops_before", o->before.flops);
    free(text);
    return json;
}

/* What the column says, and how it is known. */
static void print_time(const tfx_experiment *e, tfx_arm_plan *const *arms, tfx_device_speed speed,
                       double *const *step_seconds, FILE *out)
{
    int measured = 0, reckoned = 0;
    for (size_t i = 0; i < e->n_arms; i++)
        for (uint32_t k = 0; k < arms[i]->n_stages; k++) {
            measured |= step_seconds[i][k] > 0;
            reckoned |= arms[i]->stages[k]->steps > 0 && !(step_seconds[i][k] > 0);
        }
    fputs("time: of training steps, per seed, ", out);
    if (measured)
        fprintf(out, "by the fastest of a few executed now on this machine%s",
                reckoned ? "; of larger stages " : ".\n");
    if (reckoned || !measured)
        fprintf(out,
                "at %.0f GFLOP/s: %.0f%% of the best of %d measurements now on this machine (%.0f to %.0f GFLOP/s).\n",
                speed.best * STEP_EFFICIENCY * 1e-9, 100 * STEP_EFFICIENCY, MEASUREMENTS, speed.lowest * 1e-9,
                speed.best * 1e-9);
    if ((reckoned || !measured) && speed.best_bf16 > 0)
        fprintf(out, "In bf16 at %.0f GFLOP/s.\n", speed.best_bf16 * STEP_EFFICIENCY * 1e-9);
}

void tfx_plan_print(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_device *device,
                    tfx_device_speed speed, double *const *step_seconds, const tfx_lookup *taken, FILE *out)
{
    char a[32], b[32], c[32], d[32], f[32], steps[32];
    int all_fit = 1, early = 0, width = 24;
    uint64_t host = 0;
    fprintf(out, "experiment %s: %zu arm%s x %zu seed%s on %s\n\n", e->name, e->n_arms, e->n_arms == 1 ? "" : "s",
            e->n_seeds, e->n_seeds == 1 ? "" : "s", tfx_call_backend_describe(device->cls, device->backend));
    for (size_t i = 0; i < e->n_arms; i++)
        width = (int)strlen(arms[i]->arm->name) > width ? (int)strlen(arms[i]->arm->name) : width;
    fprintf(out, "%-*s %-5s %-20s %10s %10s %9s %12s %11s %10s %11s\n", width, "arm", "stage", "model", "parameters",
            "steps", "tokens", "FLOPs/token", "FLOPs", "peak", "time");
    for (size_t i = 0; i < e->n_arms; i++) {
        double total_seconds = 0;
        for (uint32_t k = 0; k < arms[i]->n_stages; k++) {
            const tfx_stage_plan *s = arms[i]->stages[k];
            double seconds = stage_seconds(s, step_seconds[i][k], &speed);
            int fits = tfx_stage_fits(s, device);
            all_fit &= fits;
            host = tfx_stage_host_bytes(s) > host ? tfx_stage_host_bytes(s) : host;
            total_seconds += seconds;
            int bound = tfx_arm_plan_may_end_early(arms[i], k);
            early |= bound;
            snprintf(steps, sizeof(steps), "%s%" PRId64, bound ? "<=" : "", s->steps);
            fprintf(out, "%-*s %-5" PRIu32 " %-20s %10s %10s %9s %12s %11.4g %10s %11s%s\n", width, arms[i]->arm->name,
                    k, s->model->name, tfx_format_count(a, (double)s->n_params), steps,
                    tfx_format_count(b, tfx_stage_tokens(s)), tfx_format_count(c, s->flops_per_token),
                    tfx_stage_tokens(s) * s->flops_per_token, tfx_format_bytes(d, (double)tfx_stage_peak_bytes(s)),
                    tfx_format_seconds(f, seconds), fits ? "" : "  DOES NOT FIT");
        }
        if (arms[i]->n_stages > 1)
            fprintf(out, "%-*s %-5s %-20s %10s %10s %9s %12s %11.4g %10s %11s\n", width, "", "all", "", "", "",
                    tfx_format_count(b, tfx_arm_plan_tokens(arms[i])), "", tfx_arm_plan_flops(arms[i]), "",
                    tfx_format_seconds(f, total_seconds));
    }
    if (early)
        fprintf(
            out,
            "\n<=: the policy may end the stage before; tokens, FLOPs, time and disk are those of the longest run.");
    fputc('\n', out);
    for (size_t i = 0; i < e->n_arms; i++)
        if (arms[i]->origin)
            print_start(arms[i], out);
    for (size_t i = 0; i < taken->n; i++) {
        char *text = tfx_taken_text(&taken->values[i]);
        if (taken->values[i].used)
            fprintf(out, "value: %s.\n", text);
        free(text);
    }
    for (size_t i = 0; i < e->n_arms; i++) {
        char *text = tfx_budget_describe(arms[i]->arm);
        if (text)
            fprintf(out, "length: %s.\n", text);
        free(text);
    }
    for (size_t i = 0; i < e->n_arms; i++)
        for (uint32_t k = 0; k < arms[i]->n_stages && arms[i]->arm->train.recompute == TFX_RECOMPUTE_AUTO; k++)
            fprintf(out, "recompute: arm %s, stage %" PRIu32 ": %" PRId64 " of %" PRId64 " blocks.\n",
                    arms[i]->arm->name, k, arms[i]->stages[k]->n_recomputed, arms[i]->stages[k]->model->n_blocks);
    fprintf(out, "FLOPs: matrix products and attention of forward pass, backward pass and update, per seed, without "
                 "recomputation.\n");
    fprintf(out,
            "peak: parameters, optimizer state, activations, gradients and scratch; the process itself needs up to "
            "%s more.\n",
            tfx_format_bytes(a, (double)host));
    print_time(e, arms, speed, step_seconds, out);
    for (size_t i = 0; i < e->n_arms; i++) {
        const tfx_validation_set *set = &arms[i]->validation;
        if (!set->tokens || (i && set->tokens == arms[i - 1]->validation.tokens))
            continue; /* the data could not be opened; or it has been said */
        char *text = tfx_validation_set_text(set, e->eval_tokens);
        fprintf(out, "evaluation: %s.\n", text);
        free(text);
    }
    for (size_t i = 0; i < e->n_arms; i++)
        for (uint32_t k = 0; k < arms[i]->n_stages; k++) {
            if (!arms[i]->claims[k].why)
                continue;
            char *text = tfx_growth_claim_text(&arms[i]->claims[k]);
            fprintf(out, "growth: arm %s into %s %s.\n", arms[i]->arm->name, arms[i]->stages[k]->model->name, text);
            free(text);
        }
    fprintf(out, "This machine has %s of memory; checkpoints of all runs take up to %s on disk.\n",
            tfx_format_bytes(b, (double)tfx_call_backend_memory(device->cls, device->backend)),
            tfx_format_bytes(c, (double)tfx_plan_disk_bytes(arms, e->n_arms, e->n_seeds, 1)));
    if (!all_fit)
        fprintf(out,
                "Some stages do not fit: lower train.micro_batch, or set train.recompute = auto, train.compute = bf16, "
                "train.gradients = bf16 or train.optimizer.moments = bf16.\n");
}

static void add_claim(cJSON *stage, const tfx_growth_claim *claim)
{
    cJSON *o = cJSON_AddObjectToObject(stage, "growth");
    cJSON_AddBoolToObject(o, "keeps_function", claim->preserves);
    if (claim->logit_factor != 0)
        cJSON_AddNumberToObject(o, "logit_factor", claim->logit_factor);
    else
        cJSON_AddNullToObject(o, "logit_factor");
    cJSON_AddStringToObject(o, "argument", claim->why);
}

/* What the spec says, where another arm says how long: "flops": "arm:NAME". */
static void add_budget(cJSON *arm, const tfx_budget *budget)
{
    char *text = budget->of ? tfx_budget_text(budget) : NULL;
    if (text)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(arm, "budget"), tfx_budget_key(budget), text);
    free(text);
}

static void add_taken(cJSON *list, const tfx_lookup *taken)
{
    for (size_t i = 0; i < taken->n; i++) {
        const tfx_taken *t = &taken->values[i];
        if (!t->used)
            continue;
        cJSON *one = cJSON_CreateObject();
        cJSON_AddItemToArray(list, one);
        cJSON_AddStringToObject(one, "expression", t->expression);
        cJSON_AddStringToObject(one, "value", t->value);
        cJSON_AddNumberToObject(one, "experiment", (double)t->experiment);
        cJSON_AddStringToObject(one, "arm", t->arm);
        cJSON_AddStringToObject(one, "runs", t->runs);
        cJSON_AddNumberToObject(one, "val_loss", t->loss);
        cJSON_AddNumberToObject(one, "points", (double)t->points);
        cJSON_AddNumberToObject(one, "seeds", (double)t->seeds);
    }
}

cJSON *tfx_plan_json(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_device *device,
                     tfx_device_speed speed, double *const *step_seconds, const tfx_lookup *taken)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "experiment", e->name);
    cJSON_AddStringToObject(o, "backend", tfx_call_backend_describe(device->cls, device->backend));
    cJSON_AddNumberToObject(o, "device_flops_per_second", speed.best);
    cJSON_AddNumberToObject(o, "device_flops_per_second_lowest", speed.lowest);
    if (speed.best_bf16 > 0)
        cJSON_AddNumberToObject(o, "device_bf16_flops_per_second", speed.best_bf16);
    cJSON_AddNumberToObject(o, "device_memory_bytes", (double)tfx_call_backend_memory(device->cls, device->backend));
    cJSON_AddNumberToObject(o, "seeds", (double)e->n_seeds);
    add_taken(cJSON_AddArrayToObject(o, "values"), taken);
    cJSON *list = cJSON_AddArrayToObject(o, "arms");
    for (size_t i = 0; i < e->n_arms; i++) {
        cJSON *arm = cJSON_CreateObject();
        cJSON_AddItemToArray(list, arm);
        cJSON_AddStringToObject(arm, "arm", arms[i]->arm->name);
        add_budget(arm, &arms[i]->arm->train.budget);
        cJSON_AddNumberToObject(arm, "tokens", tfx_arm_plan_tokens(arms[i]));
        cJSON_AddNumberToObject(arm, "flops", tfx_arm_plan_flops(arms[i]));
        if (arms[i]->validation.tokens)
            cJSON_AddNumberToObject(arm, "eval_tokens", (double)arms[i]->validation.tokens);
        cJSON_AddNumberToObject(arm, "disk_bytes", (double)tfx_arm_plan_disk_bytes(arms[i]));
        if (arms[i]->origin)
            cJSON_AddItemToObject(arm, "start", start_json(arms[i]));
        cJSON *stages = cJSON_AddArrayToObject(arm, "stages");
        for (uint32_t k = 0; k < arms[i]->n_stages; k++) {
            const tfx_stage_plan *s = arms[i]->stages[k];
            cJSON *stage = cJSON_CreateObject();
            cJSON_AddItemToArray(stages, stage);
            cJSON_AddNumberToObject(stage, "stage", k);
            cJSON_AddStringToObject(stage, "model", s->model->name);
            cJSON_AddNumberToObject(stage, "parameters", (double)s->n_params);
            cJSON_AddNumberToObject(stage, "first_step", (double)s->first_step);
            cJSON_AddNumberToObject(stage, "steps", (double)s->steps);
            cJSON_AddBoolToObject(stage, "may_end_early", tfx_arm_plan_may_end_early(arms[i], k));
            cJSON_AddNumberToObject(stage, "batch", (double)s->batch);
            cJSON_AddNumberToObject(stage, "lr", s->train.lr);
            cJSON_AddStringToObject(stage, "recompute", tfx_spec_recomputes[s->train.recompute]);
            cJSON_AddNumberToObject(stage, "tokens", tfx_stage_tokens(s));
            cJSON_AddNumberToObject(stage, "flops_per_token", s->flops_per_token);
            cJSON_AddNumberToObject(stage, "flops", tfx_stage_tokens(s) * s->flops_per_token);
            cJSON_AddNumberToObject(stage, "executed_flops", (double)s->steps * s->executed_flops);
            cJSON_AddNumberToObject(stage, "peak_bytes", (double)tfx_stage_peak_bytes(s));
            cJSON_AddNumberToObject(stage, "host_bytes", (double)tfx_stage_host_bytes(s));
            cJSON_AddNumberToObject(stage, "parameter_bytes", (double)s->param_bytes);
            cJSON_AddNumberToObject(stage, "optimizer_bytes", (double)s->optimizer_bytes);
            cJSON_AddNumberToObject(stage, "arena_bytes", (double)s->arena_bytes);
            cJSON_AddNumberToObject(stage, "workspace_bytes", (double)s->workspace_bytes);
            cJSON_AddNumberToObject(stage, "seconds", stage_seconds(s, step_seconds[i][k], &speed));
            cJSON_AddBoolToObject(stage, "seconds_measured", step_seconds[i][k] > 0);
            cJSON_AddBoolToObject(stage, "fits", tfx_stage_fits(s, device));
            if (arms[i]->claims[k].why)
                add_claim(stage, &arms[i]->claims[k]);
        }
    }
    return o;
}
