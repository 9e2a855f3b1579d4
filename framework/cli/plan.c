/* tfx plan: what a spec will cost, before step 0. */
#include <stdio.h>

#include "framework/cli/session.h"
#include "framework/plan/summary.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_session s = {0};
    if (tfx_cli_flag(a, "resolved") && tfx_cli_flag(a, "json"))
        tfx_fail(err, TFX_E_INVALID, "expected --json or --resolved, found both");
    else if (tfx_session_open(&s, a, err) == TFX_OK) {
        if (tfx_cli_flag(a, "resolved"))
            fputs(s.experiment->resolved, stdout);
        else if (tfx_session_plan(&s, err) == TFX_OK) {
            tfx_error data = {0};
            if (tfx_session_check_data(&s, NULL, &data) != TFX_OK)
                fprintf(stderr, "tfx: the plan holds, but a run would stop here: %s\n", data.text);
            tfx_device_speed speed = tfx_device_speed_measure(&s.device);
            (tfx_cli_flag(a, "json") ? tfx_plan_print_json : tfx_plan_print)(s.experiment, s.plans, &s.device, speed,
                                                                             stdout);
        }
    }
    tfx_session_close(&s);
    return 0;
}

static const tfx_cli_option options[] = {
    {"resolved", NULL, 0, "print the spec with every default, variable and override filled in"},
    {"json", NULL, 0, "print JSON"},
    {TFX_CLI_PROFILE_OPTION},
    {TFX_CLI_SET_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_plan = {
    "plan",
    "SPEC [--json | --resolved] [--profile NAME] [--set SECTION.KEY=VALUE]...",
    "Show parameters, FLOPs, memory and time of every stage.",
    "  tfx plan experiments/quickstart.ini\n"
    "  tfx plan experiments/scale_124m_to_1.4b.ini --profile smoke --json\n",
    options,
    1,
    1,
    run,
};
