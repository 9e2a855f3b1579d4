/* tfx check-mup: whether what layers compute, and how a step changes it, is the same in wide models as in narrow ones. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/cli/database.h"
#include "framework/cli/session.h"
#include "framework/report/coordinate_table.h"

#define MOST_STEPS 1000

/* Those that are named after the spec, or else all. */
static const tfx_model_spec **chosen_models(const tfx_cli_args *a, const tfx_experiment *e, uint32_t *n, tfx_error *err)
{
    int all = !tfx_cli_arg(a, 1);
    const tfx_model_spec **models = NULL;
    size_t cap = 0;
    *n = 0;
    for (size_t i = 0; all ? i < e->n_models : tfx_cli_arg(a, i + 1) != NULL; i++) {
        const tfx_model_spec *m = all ? &e->models[i] : tfx_experiment_model(e, tfx_cli_arg(a, i + 1), err);
        if (m)
            *TFX_APPEND(models, *n, cap) = m;
    }
    if (err->status == TFX_OK && *n < 2)
        tfx_fail(err, TFX_E_INVALID, "%s: expected two models or more; found %u", e->file, *n);
    return models;
}

static tfx_status measure(const tfx_session *s, const tfx_arm *arm, const tfx_model_spec *const *models,
                          const tfx_coordinate_report *r, tfx_coordinates *found, int json, tfx_error *err)
{
    for (uint32_t i = 0; i < r->n && err->status == TFX_OK; i++) {
        fprintf(stderr, "%u/%u  model %s\n", i + 1, r->n, models[i]->name);
        tfx_coordinates_measure(&found[i], s->experiment, &arm->train, models[i], s->registry, &s->device, r->steps,
                                err);
    }
    if (err->status != TFX_OK || tfx_coordinates_comparable(found, r->n, err) != TFX_OK)
        return err->status;
    if (!json) {
        tfx_coordinates_print(r, stdout);
        return TFX_OK;
    }
    cJSON *o = tfx_coordinates_json(r);
    tfx_json_print(o, stdout);
    cJSON_Delete(o);
    return TFX_OK;
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_session s = {0};
    long long steps;
    uint32_t n = 0;
    const tfx_model_spec **models = NULL;
    if (tfx_cli_int(a, "steps", 4, 1, MOST_STEPS, &steps, err) == 0 && tfx_session_open(&s, a, err) == TFX_OK &&
        tfx_device_open(&s.device, s.experiment, err) == TFX_OK) {
        const char *name = tfx_cli_value(a, "arm");
        const tfx_arm *arm = name ? tfx_experiment_arm(s.experiment, name, err) : &s.experiment->arms[0];
        models = arm ? chosen_models(a, s.experiment, &n, err) : NULL;
        if (err->status == TFX_OK) {
            tfx_coordinates *found = TFX_NEW_ARRAY(tfx_coordinates, n);
            tfx_coordinate_report r = {found, n, arm->name, &arm->train, steps, s.experiment->n_seeds};
            measure(&s, arm, models, &r, found, tfx_cli_flag(a, "json"), err);
            for (uint32_t i = 0; i < n; i++)
                tfx_coordinates_finish(&found[i]);
            free(found);
        }
    }
    free(models);
    tfx_session_close(&s);
    return 0;
}

static const tfx_cli_option options[] = {
    {"arm", "NAME", 0, "whose [train] holds: lr, optimizer, parametrization; default: the first one"},
    {"steps", "N", 0, "of one micro-batch each, at the peak lr; default: 4"},
    {"json", NULL, 0, "print JSON"},
    {TFX_CLI_PROFILE_OPTION},
    {TFX_CLI_SET_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_check_mup = {
    "check-mup",
    "SPEC [MODEL]... [--arm NAME] [--steps N] [--json] [--profile NAME] [--set SECTION.KEY=VALUE]... [--db FILE]",
    "Train models of several widths for a few steps and compare what their layers compute.",
    "  tfx check-mup experiments/mup.ini\n"
    "  tfx check-mup experiments/mup.ini m64 m128 m256 --steps 8\n"
    "  tfx check-mup experiments/mup.ini --set train.parametrization=standard\n",
    options,
    1,
    -1,
    run,
};
