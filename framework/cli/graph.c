/* tfx graph: the programs that a run of an arm executes, with shapes, costs, memory, and what was fused. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/json.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"
#include "framework/cli/database.h"
#include "framework/cli/session.h"
#include "framework/plan/units_dot.h"
#include "framework/plan/units_text.h"

/* Where there is only one arm, it need not be named. */
static const tfx_arm_plan *choose_arm(const tfx_session *s, const char *name, tfx_error *err)
{
    const tfx_experiment *e = s->experiment;
    tfx_text all = {0};
    if (name) {
        const tfx_arm *arm = tfx_experiment_arm(e, name, err);
        if (arm)
            return s->plans[arm - e->arms];
        tfx_error_prefix(err, "graph: --arm");
        return NULL;
    }
    if (e->n_arms == 1)
        return s->plans[0];
    for (size_t i = 0; i < e->n_arms; i++)
        tfx_text_add(&all, "%s%s", i ? ", " : "", e->arms[i].name);
    tfx_fail(err, TFX_E_INVALID, "graph: %s has several arms; expected --arm with one of %s", e->file, all.s);
    tfx_text_free(&all);
    return NULL;
}

static const tfx_stage_plan *choose_stage(const tfx_arm_plan *p, const tfx_cli_args *a, tfx_error *err)
{
    long long stage;
    if (tfx_cli_int(a, "stage", 0, 0, INT32_MAX, &stage, err) != TFX_OK)
        return NULL;
    if (stage < p->n_stages)
        return p->stages[stage];
    if (p->n_stages > 1)
        tfx_fail(err, TFX_E_INVALID,
                 "graph: --stage: expected one of the stages of arm %s, 0 to %" PRIu32 ", found %lld", p->arm->name,
                 p->n_stages - 1, stage);
    else
        tfx_fail(err, TFX_E_INVALID, "graph: --stage: arm %s has only stage 0, found %lld", p->arm->name, stage);
    return NULL;
}

static void print(const tfx_cli_args *a, const tfx_experiment *e, const tfx_arm_plan *p, const tfx_unit_list *l)
{
    if (tfx_cli_flag(a, "dot")) {
        tfx_units_print_dot(l, tfx_cli_flag(a, "all"), tfx_cli_flag(a, "backward"), stdout);
    } else if (tfx_cli_flag(a, "json")) {
        cJSON *o = tfx_units_json(l);
        cJSON_AddStringToObject(o, "experiment", e->name);
        cJSON_AddStringToObject(o, "arm", p->arm->name);
        tfx_json_print(o, stdout);
        cJSON_Delete(o);
    } else {
        printf("experiment %s, arm %s, ", e->name, p->arm->name);
        tfx_units_print(l, tfx_cli_flag(a, "all"), stdout);
    }
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_session s = {0};
    int dot = tfx_cli_flag(a, "dot"), json = tfx_cli_flag(a, "json");
    if (dot && json)
        tfx_fail(err, TFX_E_INVALID, "graph: expected --dot or --json, found both");
    else if (json && tfx_cli_flag(a, "all"))
        tfx_fail(err, TFX_E_INVALID, "graph: --all with --json, which has all units anyway");
    else if (tfx_cli_flag(a, "backward") && !dot)
        tfx_fail(err, TFX_E_INVALID, "graph: --backward without --dot; text and JSON have the backward pass anyway");
    else if (tfx_session_open(&s, a, err) == TFX_OK && tfx_session_plan(&s, tfx_cli_database(a), err) == TFX_OK) {
        const tfx_arm_plan *p = choose_arm(&s, tfx_cli_value(a, "arm"), err);
        const tfx_stage_plan *stage = p ? choose_stage(p, a, err) : NULL;
        tfx_program_kind kind = stage ? tfx_stage_find_program(stage, tfx_cli_value(a, "program"), err)
                                      : TFX_N_PROGRAMS;
        if (kind < TFX_N_PROGRAMS) {
            tfx_unit_list l;
            tfx_units_describe(&l, stage, kind);
            print(a, s.experiment, p, &l);
            tfx_units_finish(&l);
        }
    }
    tfx_session_close(&s);
    return 0;
}

static const tfx_cli_option options[] = {
    {"arm", "NAME", 0, "whose model; needed where the spec has several arms"},
    {"stage", "N", 0, "which of the models that it grows into; 0, the default, is the first"},
    {"program", "NAME", 0, "step (or accumulate and update, where a step has several micro-batches), or eval"},
    {"all", NULL, 0, "show every unit, also those that blocks have alike"},
    {"dot", NULL, 0, "print the forward pass as a drawing for Graphviz"},
    {"backward", NULL, 0, "with --dot: draw the backward pass and the update, too"},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_PROFILE_OPTION},
    {TFX_CLI_SET_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_graph = {
    "graph",
    "SPEC [--arm NAME] [--stage N] [--program NAME] [--all] [--dot [--backward] | --json] [--profile NAME] [--set "
    "SECTION.KEY=VALUE]... [--db FILE]",
    "Show what a run executes: ops with shapes, FLOPs, memory, and what was fused.",
    "  tfx graph experiments/quickstart.ini --arm transformer\n"
    "  tfx graph experiments/quickstart.ini --arm grown --stage 1 --program eval --all\n"
    "  tfx graph experiments/quickstart.ini --arm transformer --dot | dot -Tsvg > graph.svg\n",
    options,
    1,
    1,
    run,
};
