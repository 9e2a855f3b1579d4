/* Comparisons: see framework/report/compare_text.h. */
#include "framework/report/compare_text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/json.h"
#include "framework/report/table.h"

static const char *cost_text(char *buf, const tfx_comparison *c, double x)
{
    static const tfx_cell cells[TFX_N_COSTS] = {TFX_CELL_FLOPS, TFX_CELL_COUNT, TFX_CELL_SECONDS};
    return tfx_cell_format(buf, cells[c->cost], x);
}

/* "1.412 (1.298 to 1.526)", by a format of the one number; "1.412" without an interval. */
static void add_estimate(tfx_text *t, const char *format, tfx_estimate e, double scale)
{
    char mean[32], low[32], high[32];
    snprintf(mean, sizeof(mean), format, scale * e.mean);
    tfx_text_add(t, "%s", mean);
    if (isfinite(e.low)) {
        snprintf(low, sizeof(low), format, scale * e.low);
        snprintf(high, sizeof(high), format, scale * e.high);
        tfx_text_add(t, " (%s to %s)", low, high);
    }
}

/* Where B's cheapest point is below A's loss already. */
static double speed_up_bound(const tfx_pair *p)
{
    return p->other_cost.line / p->cost;
}

/* What follows is then of these seeds alone. */
static void add_seeds_of(tfx_text *t, size_t n, size_t of)
{
    if (n < of)
        tfx_text_add(t, " with %zu of %zu seeds; there", n, of);
    else
        tfx_text_add(t, ":");
}

/* Why there is no speed-up for all seeds. */
static void add_unreached(tfx_text *t, const tfx_comparison *c, const tfx_contrast *k)
{
    char cost[32];
    size_t never = 0, before = 0;
    const tfx_pair *best = NULL, *first = NULL;
    for (size_t i = 0; i < k->n_pairs; i++) {
        const tfx_pair *p = &k->pairs[i];
        never += p->reach == TFX_REACH_NEVER;
        before += p->reach == TFX_REACH_BEFORE;
        if (p->reach == TFX_REACH_NEVER && (!best || p->best_loss < best->best_loss))
            best = p;
        if (p->reach == TFX_REACH_BEFORE && (!first || speed_up_bound(p) > speed_up_bound(first)))
            first = p;
    }
    if (never) {
        tfx_text_add(t, "not reached by %s", c->b);
        add_seeds_of(t, never, k->n_pairs);
        tfx_text_add(t, " its best is %.4f at %s", best->best_loss, cost_text(cost, c, best->best_cost));
    }
    if (before) {
        tfx_text_add(t, "%s%s is below it at its cheapest point already", never ? "; " : "", c->b);
        add_seeds_of(t, before, k->n_pairs);
        tfx_text_add(t, " speed-up at most %.3f", speed_up_bound(first));
    }
}

/* How much of it may be due to lines between endpoints; `most`: "at least", or "at most". */
static void add_bound(tfx_text *t, const tfx_comparison *c, const char *format, tfx_estimate e, const char *most,
                      double gap)
{
    if (gap <= 1 + TFX_SAME_COST)
        return;
    tfx_text_add(t, "; %s ", most);
    add_estimate(t, format, e, 1);
    tfx_text_add(t, ", as lines over %.2f times the cost are above %s's losses", gap, c->b);
}

static void add_equal_loss(tfx_text *t, const tfx_comparison *c, const tfx_contrast *k)
{
    if (!isfinite(k->speed_up.mean)) {
        add_unreached(t, c, k);
        return;
    }
    tfx_text_add(t, "speed-up ");
    add_estimate(t, "%.3f", k->speed_up, 1);
    if (isfinite(k->speed_up.sd))
        tfx_text_add(t, ", sd %.3f", k->speed_up.sd);
    tfx_text_add(t, ", saved ");
    add_estimate(t, "%.1f%%", k->saved, 100);
    tfx_text_add(t, ", as G_stack counts it %+.1f%%", 100 * (k->speed_up.mean - 1));
    add_bound(t, c, "%.3f", k->least_speed_up, "speed-up at least", k->cost_gap);
}

static void add_equal_cost(tfx_text *t, const tfx_comparison *c, const tfx_contrast *k)
{
    if (!isfinite(k->difference.mean)) {
        tfx_text_add(t, "%s has no points there", c->b);
        return;
    }
    tfx_text_add(t, "loss ");
    add_estimate(t, "%+.4f", k->difference, 1);
    if (isfinite(k->difference.sd))
        tfx_text_add(t, ", sd %.4f", k->difference.sd);
    add_bound(t, c, "%+.4f", k->most_difference, "at most", k->loss_gap);
    tfx_text_add(t, "; below 0, %s is better", k->arm);
}

static void add_seeds(tfx_text *t, const tfx_contrast *k)
{
    if (k->paired)
        tfx_text_add(t, "%zu, paired", k->n_seeds);
    else
        tfx_text_add(t, "%zu against %zu, not paired: %s", k->n_seeds, k->n_pairs, k->why);
    if (k->n_seeds < TFX_ESTIMATE_LEAST || k->n_pairs < TFX_ESTIMATE_LEAST)
        tfx_text_add(t, "; fewer than %d, so no interval", TFX_ESTIMATE_LEAST);
}

char *tfx_contrast_text(const tfx_comparison *c, size_t arm, tfx_contrast_part part)
{
    const tfx_contrast *k = &c->contrasts[arm];
    tfx_text t = {0};
    switch (part) {
    case TFX_CONTRAST_EQUAL_LOSS: add_equal_loss(&t, c, k); break;
    case TFX_CONTRAST_EQUAL_COST: add_equal_cost(&t, c, k); break;
    default: add_seeds(&t, k);
    }
    return t.s;
}

/* Each pair, where there are several. */
static void print_pairs(const tfx_comparison *c, const tfx_contrast *k, FILE *out)
{
    char cost[32], other[32];
    for (size_t i = 0; i < k->n_pairs && k->n_pairs > 1; i++) {
        const tfx_pair *p = &k->pairs[i];
        fprintf(out, "    seed %-4" PRId64 "  loss %.4f at %s", p->seed, p->loss, cost_text(cost, c, p->cost));
        if (p->reach == TFX_REACH_WITHIN)
            fprintf(out, "   %s comes to it at %s: speed-up %.3f", c->b, cost_text(other, c, p->other_cost.line),
                    p->speed_up);
        else
            fprintf(out, "   %s: %s", c->b,
                    p->reach == TFX_REACH_NEVER ? "not reached" : "below it at its cheapest point");
        if (isfinite(p->other_loss.line))
            fprintf(out, "   at equal cost %+.4f", p->difference);
        fputc('\n', out);
    }
}

static void print_line(FILE *out, const char *label, const tfx_comparison *c, size_t arm, tfx_contrast_part part)
{
    char *text = tfx_contrast_text(c, arm, part);
    fprintf(out, "  %-14s %s\n", label, text);
    free(text);
}

static void print_contrast(const tfx_comparison *c, size_t arm, FILE *out)
{
    const tfx_contrast *k = &c->contrasts[arm];
    char cost[32];
    const char *unit = c->cost == TFX_COST_SECONDS ? "" : tfx_cost_words[c->cost]; /* a time has its own */
    fprintf(out, "\n%s against %s: loss %.4f at %s%s%s%s\n", k->arm, c->b, k->loss.mean,
            cost_text(cost, c, k->cost.mean), *unit ? " " : "", unit, k->n_seeds > 1 ? " (means)" : "");
    print_line(out, "at equal loss", c, arm, TFX_CONTRAST_EQUAL_LOSS);
    print_line(out, "at equal cost", c, arm, TFX_CONTRAST_EQUAL_COST);
    print_line(out, "seeds", c, arm, TFX_CONTRAST_SEEDS);
    print_pairs(c, k, out);
}

static void print_text(const tfx_comparison *c, FILE *out)
{
    fprintf(out, "by %s, %s ancestors; ", tfx_cost_words[c->cost], c->excluding ? "excluding" : "including");
    if (c->file)
        fprintf(out, "endpoints of %s\n", c->file);
    else if (c->curve)
        fputs("points of B in the middle of schedules count, which overstates what A saves\n", out);
    else
        fputs("endpoints whose learning rate had decayed\n", out);
    for (size_t i = 0; i < c->n; i++)
        print_contrast(c, i, out);
    if (c->notes.n || c->uneven.n)
        fprintf(out, "\n%s%s", c->notes.n ? c->notes.s : "", c->uneven.n ? c->uneven.s : "");
}

static void add_number(cJSON *o, const char *name, double x)
{
    cJSON_AddItemToObject(o, name, isfinite(x) ? cJSON_CreateNumber(x) : cJSON_CreateNull());
}

static void add_estimate_json(cJSON *o, const char *name, tfx_estimate e)
{
    cJSON *j = cJSON_AddObjectToObject(o, name);
    add_number(j, "mean", e.mean);
    add_number(j, "sd", e.sd);
    add_number(j, "low", e.low);
    add_number(j, "high", e.high);
}

static cJSON *pair_json(const tfx_pair *p)
{
    static const char *const reaches[] = {"within", "never", "before"};
    cJSON *j = cJSON_CreateObject();
    cJSON_AddNumberToObject(j, "seed", (double)p->seed);
    add_number(j, "loss", p->loss);
    add_number(j, "cost", p->cost);
    cJSON_AddStringToObject(j, "reach", reaches[p->reach]);
    add_number(j, "other_cost", p->other_cost.line);
    add_number(j, "other_loss", p->other_loss.line);
    add_number(j, "other_best_loss", p->best_loss);
    add_number(j, "other_best_cost", p->best_cost);
    add_number(j, "speed_up", p->speed_up);
    add_number(j, "saved", p->saved);
    add_number(j, "g_stack", p->speed_up - 1);
    add_number(j, "difference", p->difference);
    add_number(j, "least_speed_up", p->least_speed_up);
    add_number(j, "least_saved", p->least_saved);
    add_number(j, "most_difference", p->most_difference);
    cJSON_AddNumberToObject(j, "other_points", (double)p->n_points);
    return j;
}

cJSON *tfx_comparison_json(const tfx_comparison *c)
{
    cJSON *root = cJSON_CreateObject(), *arms;
    cJSON_AddStringToObject(root, "a", c->a);
    cJSON_AddStringToObject(root, "b", c->b);
    cJSON_AddStringToObject(root, "by", tfx_cost_names[c->cost]);
    cJSON_AddBoolToObject(root, "including_ancestors", !c->excluding);
    cJSON_AddBoolToObject(root, "decayed_endpoints", !c->curve);
    arms = cJSON_AddArrayToObject(root, "arms");
    for (size_t i = 0; i < c->n; i++) {
        const tfx_contrast *k = &c->contrasts[i];
        cJSON *j = cJSON_CreateObject();
        cJSON_AddItemToArray(arms, j);
        cJSON_AddStringToObject(j, "arm", k->arm);
        cJSON_AddNumberToObject(j, "seeds", (double)k->n_seeds);
        cJSON_AddBoolToObject(j, "paired", k->paired);
        if (k->why)
            cJSON_AddStringToObject(j, "why_not_paired", k->why);
        add_estimate_json(j, "loss", k->loss);
        add_estimate_json(j, "cost", k->cost);
        add_estimate_json(j, "speed_up", k->speed_up);
        add_estimate_json(j, "saved", k->saved);
        add_estimate_json(j, "difference", k->difference);
        add_estimate_json(j, "least_speed_up", k->least_speed_up);
        add_estimate_json(j, "least_saved", k->least_saved);
        add_estimate_json(j, "most_difference", k->most_difference);
        add_number(j, "cost_gap", k->cost_gap);
        add_number(j, "loss_gap", k->loss_gap);
        cJSON *pairs = cJSON_AddArrayToObject(j, "pairs");
        for (size_t n = 0; n < k->n_pairs; n++)
            cJSON_AddItemToArray(pairs, pair_json(&k->pairs[n]));
    }
    cJSON_AddStringToObject(root, "notes", c->notes.n ? c->notes.s : "");
    cJSON_AddStringToObject(root, "uneven", c->uneven.n ? c->uneven.s : "");
    return root;
}

void tfx_report_comparison(const tfx_comparison *c, int json, FILE *out)
{
    if (!json) {
        print_text(c, out);
        return;
    }
    cJSON *root = tfx_comparison_json(c);
    tfx_json_print(root, out);
    cJSON_Delete(root);
}
