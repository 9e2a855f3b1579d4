/* tfx eval: loss and logits of a checkpoint, or of any weights file. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/cli/checkpoint_path.h"
#include "framework/cli/session.h"
#include "framework/train/inference.h"
#include "framework/train/token_file.h"

static void print_result(const tfx_cli_args *a, const tfx_arm *arm, const tfx_inference *f, const char *weights,
                         uint64_t n_tokens, double loss, double bits_per_byte)
{
    if (f->n_missing)
        fprintf(stderr, "tfx: %s has no tau for %zu layers; used the layers' default\n", weights, f->n_missing);
    if (tfx_cli_flag(a, "json")) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "arm", arm->name);
        cJSON_AddStringToObject(o, "model", f->plan->model->name);
        cJSON_AddNumberToObject(o, "stage", f->stage);
        cJSON_AddStringToObject(o, "weights", weights);
        cJSON_AddNumberToObject(o, "tokens", (double)n_tokens);
        cJSON_AddItemToObject(o, "loss", isfinite(loss) ? cJSON_CreateNumber(loss) : cJSON_CreateNull());
        cJSON_AddItemToObject(o, "bits_per_byte",
                              isfinite(bits_per_byte) ? cJSON_CreateNumber(bits_per_byte) : cJSON_CreateNull());
        tfx_json_print(o, stdout);
        cJSON_Delete(o);
        return;
    }
    printf("arm %s, stage %" PRIu32 ", model %s: %" PRIu64 " tokens", arm->name, f->stage, f->plan->model->name,
           n_tokens);
    if (isfinite(loss)) /* a single token has no successor to predict */
        printf(", loss %.6f", loss);
    if (isfinite(bits_per_byte))
        printf(", %.4f bits per byte", bits_per_byte);
    printf("\n");
}

static tfx_status evaluate(const tfx_cli_args *a, tfx_session *s, const tfx_arm *arm, tfx_error *err)
{
    const char *tokens_file = tfx_cli_value(a, "tokens"), *logits = tfx_cli_value(a, "logits");
    tfx_inference f = {0};
    int32_t *tokens = NULL;
    uint64_t n_tokens = 0;
    double loss = NAN, bits_per_byte = NAN;
    long long stage;
    char *weights = NULL;
    if (logits && !tokens_file)
        return tfx_fail(err, TFX_E_INVALID, "--logits needs --tokens");
    if (tfx_cli_int(a, "stage", -1, 0, 1000000, &stage, err) != TFX_OK ||
        !(weights = tfx_cli_checkpoint_weights(a, s->experiment->name, arm->name, err)) ||
        tfx_device_open(&s->device, s->experiment, err) != TFX_OK ||
        tfx_inference_open(&f, s->experiment, arm, s->registry, &s->device, stage, tokens_file ? 1 : 0, 0, weights,
                           err) != TFX_OK)
        goto done;
    if (tokens_file) {
        if (tfx_token_file_read(tokens_file, f.plan->model->vocab, &tokens, &n_tokens, err) == TFX_OK)
            tfx_inference_tokens(&f, tokens, n_tokens, logits, &loss, err);
    } else {
        tfx_inference_validate(&f, s->experiment, arm, &n_tokens, &loss, &bits_per_byte, err);
    }
    if (err->status == TFX_OK)
        print_result(a, arm, &f, weights, n_tokens, loss, bits_per_byte);
done:
    tfx_inference_close(&f);
    free(tokens);
    free(weights);
    return err->status;
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_session s;
    if (tfx_session_open(&s, a, err) == TFX_OK) {
        const char *name = tfx_cli_value(a, "arm");
        const tfx_arm *arm = NULL;
        if (name)
            arm = tfx_experiment_arm(s.experiment, name, err);
        else if (s.experiment->n_arms == 1)
            arm = &s.experiment->arms[0];
        else
            tfx_fail(err, TFX_E_INVALID, "%s has %zu arms; choose one with --arm", s.experiment->file,
                     s.experiment->n_arms);
        if (arm)
            evaluate(a, &s, arm, err);
    }
    tfx_session_close(&s);
    return 0;
}

static const tfx_cli_option options[] = {
    {"arm", "NAME", 0, "the arm whose model it is; not needed when there is only one"},
    {"weights", "FILE", 0, "a safetensors file with parameter paths as names, or a checkpoint folder"},
    {"checkpoint", "ID", 0, "a checkpoint of the database (default: the arm's newest)"},
    {"stage", "N", 0, "the growth stage whose shapes to use (default: the last that fits the weights)"},
    {"tokens", "FILE", 0, "evaluate these tokens (nanoGPT or llm.c .bin) instead of the validation set"},
    {"logits", "FILE", 0, "write the logits [tokens, vocab] as safetensors"},
    {"db", "FILE", 0, "the database with the checkpoints (default: tfx.db)"},
    {"json", NULL, 0, "print JSON"},
    {TFX_CLI_PROFILE_OPTION},
    {TFX_CLI_SET_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_eval = {
    "eval",
    "SPEC [--arm NAME] [--weights FILE | --checkpoint ID] [--tokens FILE [--logits FILE]] [--json]",
    "Evaluate a checkpoint or a weights file.",
    "  tfx eval experiments/quickstart.ini --arm tokenformer_grown\n"
    "  tfx eval spec.ini --arm a --weights w.safetensors --tokens t.bin --logits out.safetensors\n\n"
    "Given tokens are cut into windows of the model's context from the start, each evaluated on its own.\n",
    options,
    1,
    1,
    run,
};
