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
#include "framework/train/generation.h"

/* What is printed while it is made; of several texts, each when all are done. */
typedef struct output {
    int is_text, streams;
} output;

static void print_token(const output *o, int32_t token)
{
    if (o->is_text)
        putchar(token);
    else
        printf(" %d", (int)token);
}

static void emit(void *ctx, uint64_t text, int32_t token)
{
    const output *o = ctx;
    (void)text;
    if (o->streams) {
        print_token(o, token);
        fflush(stdout);
    }
}

static tfx_status read_real(const tfx_cli_args *a, const char *name, double def, double most, double *out,
                            tfx_error *err)
{
    const char *text = tfx_cli_value(a, name);
    char *end;
    *out = def;
    if (!text)
        return TFX_OK;
    *out = strtod(text, &end);
    if (!*text || *end || !(*out >= 0 && *out <= most))
        return tfx_fail(err, TFX_E_INVALID, "--%s: expected a number from 0 to %g, found '%s'", name, most, text);
    return TFX_OK;
}

/* The k-th prompt as tokens, with room for more: bytes of --prompt, or the ids of --prompt-tokens. */
static tfx_status read_prompt(tfx_generated *t, const char *text, int is_text, int64_t vocab, uint64_t room,
                              tfx_error *err)
{
    t->tokens = TFX_NEW_ARRAY(int32_t, strlen(text) + room + 1);
    for (const char *at = text; is_text && *at; at++)
        t->tokens[t->n++] = (unsigned char)*at;
    for (const char *at = text; !is_text && *at && err->status == TFX_OK;) {
        char *end;
        errno = 0;
        long long id = strtoll(at, &end, 10);
        if (end == at || errno || id < 0 || id >= vocab)
            tfx_fail(err, TFX_E_INVALID, "--prompt-tokens: expected ids from 0 to %" PRId64 ", found '%.20s'",
                     vocab - 1, at);
        t->tokens[t->n++] = (int32_t)id;
        at = end;
        while (*at == ',' || isspace((unsigned char)*at))
            at++;
    }
    return t->n || err->status != TFX_OK ? err->status : tfx_fail(err, TFX_E_INVALID, "the prompt is empty");
}

/* What was asked for, read before any work is done. */
typedef struct request {
    tfx_sampling sampling;
    long long count;
    const char *const *prompts;
    size_t n;
    int is_text;       /* --prompt */
    tfx_dtype compute; /* 0: as the model was trained */
} request;

static tfx_status read_compute(const tfx_cli_args *a, tfx_dtype *out, tfx_error *err)
{
    const char *word = tfx_cli_value(a, "compute");
    *out = !word ? (tfx_dtype)0 : !strcmp(word, "bf16") ? TFX_BF16 : TFX_F32;
    if (word && strcmp(word, tfx_dtype_name(*out)) != 0)
        return tfx_fail(err, TFX_E_INVALID, "--compute: expected f32 or bf16, found '%s'", word);
    return TFX_OK;
}

static tfx_status read_request(const tfx_cli_args *a, request *r, tfx_error *err)
{
    long long top_k, seed;
    size_t n_ids;
    const char *const *ids = tfx_cli_values(a, "prompt-tokens", &n_ids);
    r->prompts = tfx_cli_values(a, "prompt", &r->n);
    r->is_text = r->n > 0;
    if (tfx_cli_int(a, "tokens", 200, 1, 1000000, &r->count, err) != TFX_OK ||
        tfx_cli_int(a, "top-k", 0, 0, 10000000, &top_k, err) != TFX_OK ||
        tfx_cli_int(a, "seed", 1, 0, INT64_MAX, &seed, err) != TFX_OK ||
        read_real(a, "temperature", 0.8, 1000, &r->sampling.temperature, err) != TFX_OK ||
        read_real(a, "top-p", 1, 1, &r->sampling.top_p, err) != TFX_OK || read_compute(a, &r->compute, err) != TFX_OK)
        return err->status;
    r->sampling.top_k = top_k;
    r->sampling.seed = (uint64_t)seed;
    if (!r->n == !n_ids)
        return tfx_fail(err, TFX_E_INVALID, "expected --prompt TEXT or --prompt-tokens IDS, found %s",
                        n_ids ? "both" : "neither");
    r->prompts = r->is_text ? r->prompts : ids;
    r->n = r->is_text ? r->n : n_ids;
    return TFX_OK;
}

static void print_texts(const output *o, const request *r, const tfx_generated *texts)
{
    for (size_t i = 0; i < r->n && !o->streams; i++) {
        uint64_t prompt = texts[i].n - (uint64_t)r->count;
        fputs(i ? "\n" : "", stdout);
        for (uint64_t k = o->is_text ? 0 : prompt; k < texts[i].n; k++)
            print_token(o, texts[i].tokens[k]);
        putchar('\n');
    }
}

/* Model and weights are open, for as many rows as there are prompts. */
static tfx_status answer(const request *r, int bytes, tfx_inference *f, tfx_error *err)
{
    const char *why = f->plan->whole_windows;
    output o = {r->is_text, r->n == 1};
    if (r->is_text && !bytes)
        return tfx_fail(err, TFX_E_INVALID,
                        "this model's tokens are not bytes: give --prompt-tokens with ids like 12,7,301");
    if (why && r->n > 1)
        return tfx_fail(err, TFX_E_UNSUPPORTED,
                        "model '%s' needs its whole window for each token (%s): expected one prompt, found %zu",
                        f->plan->model->name, why, r->n);
    tfx_generated *texts = TFX_NEW_ARRAY(tfx_generated, r->n);
    for (size_t i = 0; i < r->n && err->status == TFX_OK; i++)
        read_prompt(&texts[i], r->prompts[i], r->is_text, f->plan->model->vocab, (uint64_t)r->count, err);
    if (err->status == TFX_OK && (!why || tfx_inference_check_causal(f, err) == TFX_OK)) {
        if (o.streams && o.is_text)
            fputs(r->prompts[0], stdout);
        if (tfx_generate(f, &r->sampling, texts, (uint64_t)r->count, emit, &o, err) == TFX_OK)
            print_texts(&o, r, texts);
        if (o.streams)
            putchar('\n');
    }
    for (size_t i = 0; i < r->n; i++)
        free(texts[i].tokens);
    free(texts);
    return err->status;
}

static tfx_status generate(const request *r, const tfx_checkpoint_info *c, const char *weights, tfx_store *store,
                           tfx_error *err)
{
    tfx_run_info info = {0};
    tfx_session s = {0};
    tfx_inference f = {0};
    const tfx_arm *arm = NULL;
    tfx_arm with;
    if (tfx_store_run_info(store, c->run, &info, err) == TFX_OK &&
        (s.registry = tfx_registry_open(tfx_cli_plugin_dir(), err)) &&
        (s.experiment = tfx_experiment_parse(s.registry, info.spec, "stored spec", err)) &&
        tfx_device_open(&s.device, s.experiment, err) == TFX_OK &&
        (arm = tfx_experiment_arm(s.experiment, info.arm_name, err))) {
        with = *arm;
        with.train.compute = r->compute ? r->compute : arm->train.compute;
        tfx_inference_open(&f, s.experiment, &with, s.registry, &s.device, c->stage_index, (int64_t)r->n, 1, weights,
                           err);
    }
    if (arm && err->status == TFX_OK)
        answer(r, (tfx_loader_flags(s.experiment->loader.impl) & TFX_LOADER_BYTES) != 0, &f, err);
    tfx_inference_close(&f);
    tfx_session_close(&s);
    tfx_run_info_finish(&info);
    return err->status;
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    request r;
    tfx_store *store = read_request(a, &r, err) == TFX_OK ? tfx_cli_open_database(a, err) : NULL;
    tfx_checkpoint_info info = {0};
    tfx_id id = store ? tfx_report_find_checkpoint(store, tfx_cli_arg(a, 0), err) : 0;
    char *weights = id ? tfx_cli_checkpoint_file(store, id, err) : NULL;
    if (weights && tfx_store_checkpoint(store, id, &info, err) == TFX_OK)
        generate(&r, &info, weights, store, err);
    free(weights);
    tfx_checkpoint_info_finish(&info);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {"prompt", "TEXT", 1, "text to continue (byte-level models); several go on together"},
    {"prompt-tokens", "IDS", 1, "token ids to continue, like 12,7,301 (any model); prints ids"},
    {"tokens", "N", 0, "how many tokens to add (default 200)"},
    {"temperature", "T", 0, "0: always the most likely token (default 0.8)"},
    {"top-k", "K", 0, "draw among the K most likely tokens only (default 0: all)"},
    {"top-p", "P", 0, "draw among the fewest tokens whose probability is P together (default 1: all)"},
    {"seed", "N", 0, "the same seed gives the same text (default 1)"},
    {"compute", "TYPE", 0, "f32, or bf16 weights, which takes less time (default: as it was trained)"},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_generate = {
    "generate",
    "CKPT --prompt TEXT... [--tokens N] [--temperature T] [--top-k K] [--top-p P] [--seed N] [--compute TYPE] [--db "
    "FILE]",
    "Continue a text with a checkpoint's model.",
    "  tfx generate 4 --prompt \"The kernel \" --tokens 300\n"
    "  tfx generate 4 --prompt \"The kernel \" --prompt \"A driver \" --top-p 0.9\n\n"
    "CKPT is a checkpoint's id (see tfx show RUN) or its folder.\n",
    options,
    1,
    1,
    run,
};
