/* tfx plan: what a spec will cost, before step 0. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "framework/base/json.h"
#include "framework/cli/database.h"
#include "framework/cli/forecasts.h"
#include "framework/cli/session.h"
#include "framework/plan/axes.h"
#include "framework/plan/summary.h"
#include "framework/report/forecast_table.h"
#include "framework/report/initial_scales.h"
#include "framework/train/step_time.h"

/* The data must be there: one row of it goes through each model. */
static tfx_status print_initial(tfx_session *s, const char *database, int json, tfx_error *err)
{
    if (tfx_session_plan(s, database, err) == TFX_OK && tfx_session_check_data(s, NULL, err) == TFX_OK)
        tfx_initial_report(s->experiment, s->plans, s->registry, &s->device, json, stdout, err);
    return err->status;
}

static tfx_status print_axes(tfx_session *s, const char *database, int json, tfx_error *err)
{
    if (tfx_session_plan(s, database, err) == TFX_OK)
        (json ? tfx_axes_print_json : tfx_axes_print)(s->experiment, s->plans, s->registry, stdout, err);
    return err->status;
}

/* What cannot be planned is no spec to be given away. */
static void print_resolved(tfx_session *s, const char *database, tfx_error *err)
{
    if (tfx_session_plan(s, database, err) == TFX_OK)
        fputs(s->experiment->resolved, stdout);
}

static void print_plan(const tfx_cli_args *a, const tfx_session *s, const char *database, tfx_error *err)
{
    tfx_forecasts f = {0};
    tfx_step_times times = {0};
    if (tfx_forecasts_make(&f, a, s, database, err) == TFX_OK &&
        tfx_step_times_measure(&times, &s->device, s->plans, s->experiment->n_arms, err) == TFX_OK) {
        tfx_device_speed speed = tfx_device_speed_measure(&s->device, s->plans, s->experiment->n_arms);
        if (tfx_cli_flag(a, "json")) {
            cJSON *o = tfx_plan_json(s->experiment, s->plans, &s->device, speed, times.seconds, &s->values.lookup);
            if (f.arms)
                cJSON_AddItemToObject(o, "forecasts", tfx_report_forecasts_json(f.arms, f.n_arms));
            tfx_json_print(o, stdout);
            cJSON_Delete(o);
        } else {
            tfx_plan_print(s->experiment, s->plans, &s->device, speed, times.seconds, &s->values.lookup, stdout);
            if (f.arms)
                tfx_report_forecasts(f.arms, f.n_arms, stdout);
        }
    }
    tfx_step_times_finish(&times);
    tfx_forecasts_finish(&f);
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_session s = {0};
    const char *database = tfx_cli_database(a);
    if (tfx_cli_flag(a, "resolved") && tfx_cli_flag(a, "json"))
        tfx_fail(err, TFX_E_INVALID, "expected --json or --resolved, found both");
    else if (tfx_cli_flag(a, "resolved") && tfx_cli_flag(a, "init"))
        tfx_fail(err, TFX_E_INVALID, "expected --init or --resolved, found both");
    else if (tfx_cli_flag(a, "axes") && (tfx_cli_flag(a, "resolved") || tfx_cli_flag(a, "init")))
        tfx_fail(err, TFX_E_INVALID, "expected --axes or --%s, found both",
                 tfx_cli_flag(a, "resolved") ? "resolved" : "init");
    else if (tfx_session_open(&s, a, err) == TFX_OK) {
        if (tfx_cli_flag(a, "resolved"))
            print_resolved(&s, database, err);
        else if (tfx_cli_flag(a, "init"))
            print_initial(&s, database, tfx_cli_flag(a, "json"), err);
        else if (tfx_cli_flag(a, "axes"))
            print_axes(&s, database, tfx_cli_flag(a, "json"), err);
        else if (tfx_session_plan(&s, database, err) == TFX_OK) {
            tfx_error data = {0};
            if (tfx_session_check_data(&s, NULL, &data) != TFX_OK ||
                tfx_session_check_references(&s, NULL, database, 0, &data) != TFX_OK)
                fprintf(stderr, "tfx: the plan holds, but a run would stop here: %s\n", data.text);
            print_plan(a, &s, database, err);
        }
    }
    tfx_session_close(&s);
    return 0;
}

static const tfx_cli_option options[] = {
    {"resolved", NULL, 0, "print the spec with every default, variable and override filled in"},
    {"init", NULL, 0, "print instead how large parameters, what blocks write and logits are at initialisation"},
    {"axes", NULL, 0, "print instead which axes of which parameters are one dimension of the model"},
    {TFX_CLI_FORECAST_OPTION},
    {"json", NULL, 0, "print JSON"},
    {TFX_CLI_PROFILE_OPTION},
    {TFX_CLI_SET_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_plan = {
    "plan",
    "SPEC [--init | --axes] [--forecast FIT[@ARMS]]... [--json | --resolved] [--profile NAME] [--set "
    "SECTION.KEY=VALUE]... [--db FILE]",
    "Show parameters, FLOPs, memory and time of every stage.",
    "  tfx plan experiments/quickstart.ini\n"
    "  tfx plan experiments/scale_124m_to_1.4b.ini --profile smoke --json\n"
    "  tfx plan experiments/quickstart.ini --init\n"
    "  tfx plan experiments/quickstart.ini --axes\n"
    "  tfx plan larger.ini --forecast sizes@'transformer*'\n",
    options,
    1,
    1,
    run,
};
