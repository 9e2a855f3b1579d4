/* tfx generate: text from a checkpoint. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/cli/checkpoint_path.h"
#include "framework/cli/database.h"
#include "framework/cli/session.h"
#include "framework/plugin/calls/loader_calls.h"
#include "framework/report/ancestry.h"
#include "framework/train/inference.h"

static void emit_byte(void *ctx, int32_t token)
{
    (void)ctx;
    putchar(token);
    fflush(stdout);
}

static void emit_id(void *ctx, int32_t token)
{
    (void)ctx;
    printf(" %d", (int)token);
    fflush(stdout);
}

static tfx_status read_real(const tfx_cli_args *a, const char *name, double def, double *out, tfx_error *err)
{
    const char *text = tfx_cli_value(a, name);
    char *end;
    *out = def;
    if (!text)
        return TFX_OK;
    *out = strtod(text, &end);
    if (!*text || *end || !(*out >= 0 && *out <= 1000))
        return tfx_fail(err, TFX_E_INVALID, "--%s: expected a number from 0 to 1000, found '%s'", name, text);
    return TFX_OK;
}

/* The prompt as tokens: bytes of --prompt, or the ids of --prompt-tokens. */
static int32_t *read_prompt(const tfx_cli_args *a, int64_t vocab, int is_text, uint64_t room, uint64_t *n,
                            tfx_error *err)
{
    const char *text = tfx_cli_value(a, "prompt"), *ids = tfx_cli_value(a, "prompt-tokens");
    if (!text == !ids || (text && !is_text)) {
        tfx_fail(err, TFX_E_INVALID,
                 is_text ? "give --prompt TEXT or --prompt-tokens IDS"
                         : "this model's tokens are not bytes: give --prompt-tokens with ids like 12,7,301");
        return NULL;
    }
    size_t length = strlen(text ? text : ids);
    int32_t *tokens = TFX_NEW_ARRAY(int32_t, length + room + 1);
    *n = 0;
    for (const char *at = text; text && *at; at++)
        tokens[(*n)++] = (unsigned char)*at;
    for (const char *at = ids; ids && *at && err->status == TFX_OK;) {
        char *end;
        errno = 0;
        long long id = strtoll(at, &end, 10);
        if (end == at || errno || id < 0 || id >= vocab)
            tfx_fail(err, TFX_E_INVALID, "--prompt-tokens: expected ids from 0 to %" PRId64 ", found '%.20s'",
                     vocab - 1, at);
        tokens[(*n)++] = (int32_t)id;
        at = end;
        while (*at == ',' || isspace((unsigned char)*at))
            at++;
    }
    if (err->status == TFX_OK && !*n)
        tfx_fail(err, TFX_E_INVALID, "the prompt is empty");
    if (err->status != TFX_OK) {
        free(tokens);
        return NULL;
    }
    return tokens;
}

static tfx_status generate(const tfx_cli_args *a, const tfx_checkpoint_info *c, const char *weights, tfx_store *store,
                           tfx_error *err)
{
    tfx_run_info info = {0};
    tfx_session s = {0};
    tfx_inference f = {0};
    tfx_sampling sampling;
    long long count, top_k, seed;
    int32_t *tokens = NULL;
    if (tfx_cli_int(a, "tokens", 200, 1, 1000000, &count, err) != TFX_OK ||
        tfx_cli_int(a, "top-k", 0, 0, 10000000, &top_k, err) != TFX_OK ||
        tfx_cli_int(a, "seed", 1, 0, INT64_MAX, &seed, err) != TFX_OK ||
        read_real(a, "temperature", 0.8, &sampling.temperature, err) != TFX_OK ||
        tfx_store_run_info(store, c->run, &info, err) != TFX_OK ||
        !(s.registry = tfx_registry_open(tfx_cli_plugin_dir(), err)) ||
        !(s.experiment = tfx_experiment_parse(s.registry, info.spec, "stored spec", err)) ||
        tfx_device_open(&s.device, s.experiment, err) != TFX_OK)
        goto done;
    sampling.top_k = top_k;
    sampling.seed = (uint64_t)seed;
    const tfx_arm *arm = tfx_experiment_arm(s.experiment, info.arm_name, err);
    if (!arm ||
        tfx_inference_open(&f, s.experiment, arm, s.registry, &s.device, c->stage_index, 1, weights, err) != TFX_OK)
        goto done;
    int is_text = (tfx_loader_flags(s.experiment->loader.impl) & TFX_LOADER_BYTES) != 0;
    uint64_t n = 0;
    tokens = read_prompt(a, f.plan->model->vocab, is_text, (uint64_t)count, &n, err);
    if (!tokens || tfx_inference_check_causal(&f, err) != TFX_OK)
        goto done;
    const char *prompt = tfx_cli_value(a, "prompt");
    if (prompt)
        fputs(prompt, stdout);
    tfx_inference_generate(&f, &sampling, tokens, &n, (uint64_t)count, prompt ? emit_byte : emit_id, NULL, err);
    putchar('\n');
done:
    tfx_inference_close(&f);
    tfx_session_close(&s);
    tfx_run_info_finish(&info);
    free(tokens);
    return err->status;
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_store *store = tfx_cli_open_database(a, err);
    tfx_checkpoint_info info = {0};
    tfx_id id = store ? tfx_report_find_checkpoint(store, tfx_cli_arg(a, 0), err) : 0;
    char *weights = id ? tfx_cli_checkpoint_file(store, id, err) : NULL;
    if (weights && tfx_store_checkpoint(store, id, &info, err) == TFX_OK)
        generate(a, &info, weights, store, err);
    free(weights);
    tfx_checkpoint_info_finish(&info);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {"prompt", "TEXT", 0, "text to continue (byte-level models)"},
    {"prompt-tokens", "IDS", 0, "token ids to continue, like 12,7,301 (any model); prints ids"},
    {"tokens", "N", 0, "how many tokens to add (default 200)"},
    {"temperature", "T", 0, "0: always the most likely token (default 0.8)"},
    {"top-k", "K", 0, "draw among the K most likely tokens only (default 0: all)"},
    {"seed", "N", 0, "the same seed gives the same text (default 1)"},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_generate = {
    "generate",
    "CKPT --prompt TEXT [--tokens N] [--temperature T] [--top-k K] [--seed N] [--db FILE]",
    "Continue a text with a checkpoint's model.",
    "  tfx generate 4 --prompt \"The kernel \" --tokens 300\n\n"
    "CKPT is a checkpoint's id (see tfx show RUN) or its folder.\n",
    options,
    1,
    1,
    run,
};
