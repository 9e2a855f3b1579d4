/* tfx tokenize: token files from text, by a tokenizer. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "framework/base/clock.h"
#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/base/terminal.h"
#include "framework/checkpoint/files.h"
#include "framework/cli/class_settings.h"
#include "framework/plugin/registry.h"
#include "framework/tokens/tokenize.h"

static volatile sig_atomic_t stop;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

/* ---- progress ---- */

typedef struct progress {
    double began, told;
    int live;
} progress;

/* On a terminal one line that changes; otherwise a line now and then, where it takes long. */
static void tell(void *ctx, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    progress *p = ctx;
    double now = tfx_now(), rate = (double)bytes / (now - p->began + 1e-9);
    char done[32], all[32], each[32], made[32];
    if (!p->live && now - p->told < 10)
        return;
    p->told = now;
    fprintf(stderr, "%s%s of %s  %s/s  %s tokens  ETA %.0fs%s", p->live ? "\r" : "",
            tfx_format_bytes(done, (double)bytes), tfx_format_bytes(all, (double)total), tfx_format_bytes(each, rate),
            tfx_format_count(made, (double)tokens), (double)(total - bytes) / (rate + 1e-9), p->live ? "\033[K" : "\n");
}

/* ---- what is said of the tokens ---- */

static cJSON *describe(const tfx_tokenize_job *j, const tfx_loaded_plugin *owner, const tfx_class_settings *settings)
{
    cJSON *o = cJSON_CreateObject(), *options, *files;
    cJSON_AddStringToObject(o, "tokenizer", j->cls->name);
    options = cJSON_AddObjectToObject(o, "options");
    for (size_t i = 0; i < settings->n; i++)
        cJSON_AddStringToObject(options, settings->items[i].key, settings->items[i].value);
    cJSON_AddStringToObject(o, "plugin", owner->entry->name);
    cJSON_AddStringToObject(o, "plugin_version", owner->entry->version);
    cJSON_AddStringToObject(o, "plugin_hash", owner->hash);
    cJSON_AddStringToObject(o, "format", j->format == TFX_TOKENS_LLMC ? "llmc" : "nanogpt");
    cJSON_AddNumberToObject(o, "vocab", (double)j->info.vocab);
    if (j->info.end_of_text < 0)
        cJSON_AddNullToObject(o, "end_of_text");
    else
        cJSON_AddNumberToObject(o, "end_of_text", (double)j->info.end_of_text);
    cJSON_AddNumberToObject(o, "tokens", (double)j->tokens);
    cJSON_AddNumberToObject(o, "bytes", (double)j->bytes);
    cJSON_AddNumberToObject(o, "bytes_per_token", j->tokens ? (double)j->bytes / (double)j->tokens : 0);
    files = cJSON_AddArrayToObject(o, "documents");
    for (size_t i = 0; i < j->n_files; i++) {
        cJSON *file = cJSON_CreateObject();
        cJSON_AddItemToArray(files, file);
        cJSON_AddStringToObject(file, "file", j->files[i]);
        cJSON_AddNumberToObject(file, "tokens", (double)j->file_tokens[i]);
    }
    return o;
}

static void print_result(const tfx_tokenize_job *j, double seconds)
{
    char bytes[32], tokens[32], rate[32];
    double per = j->tokens ? (double)j->bytes / (double)j->tokens : 0;
    printf("%s: %s tokens of %s, %.6g bytes each, in %.1fs (%s/s)\n\n", j->out,
           tfx_format_count(tokens, (double)j->tokens), tfx_format_bytes(bytes, (double)j->bytes), per, seconds,
           tfx_format_bytes(rate, (double)j->bytes / seconds));
    printf("    loader = tokens\n    loader.train = %s\n    loader.vocab = %" PRId64
           "\n    loader.bytes_per_token = %.7g\n",
           j->out, j->info.vocab, per);
}

static tfx_status read_format(const char *text, tfx_token_format *out, tfx_error *err)
{
    *out = !text ? (tfx_token_format)0 : !strcmp(text, "nanogpt") ? TFX_TOKENS_NANOGPT : TFX_TOKENS_LLMC;
    return !text || *out == TFX_TOKENS_NANOGPT || !strcmp(text, "llmc")
               ? TFX_OK
               : tfx_fail(err, TFX_E_INVALID, "--format: expected nanogpt or llmc, found '%s'", text);
}

/* A text must not be replaced by its own tokens, nor by what is said of them. */
static tfx_status check_apart(const tfx_tokenize_job *j, const char *written, tfx_error *err)
{
    struct stat out, in;
    for (size_t i = 0; i < j->n_files && stat(written, &out) == 0; i++)
        if (stat(j->files[i], &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return tfx_fail(err, TFX_E_INVALID, "%s would be written over the text %s; choose another -o FILE", written,
                            j->files[i]);
    return TFX_OK;
}

static tfx_status carry_out(tfx_tokenize_job *j, const tfx_loaded_plugin *owner, const tfx_class_settings *settings,
                            int as_json, tfx_error *err)
{
    progress p = {tfx_now(), tfx_now(), tfx_terminal_is_live()};
    char *sidecar = tfx_printf("%s.json", j->out), *text;
    j->progress = tell;
    j->ctx = &p;
    j->stop = &stop;
    signal(SIGINT, ask_to_stop);
    signal(SIGTERM, ask_to_stop);
    if (check_apart(j, j->out, err) == TFX_OK && check_apart(j, sidecar, err) == TFX_OK)
        tfx_tokenize(j, err);
    if (p.live)
        fprintf(stderr, "\r\033[K");
    if (err->status == TFX_OK && !j->interrupted) {
        cJSON *o = describe(j, owner, settings);
        text = tfx_json_text(o, 1);
        cJSON_Delete(o);
        tfx_write_file_atomic(sidecar, text, strlen(text), err);
        if (err->status == TFX_OK && as_json)
            printf("%s\n", text);
        else if (err->status == TFX_OK)
            print_result(j, tfx_now() - p.began);
        free(text);
    }
    free(sidecar);
    return err->status;
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    const char *name = tfx_cli_value(a, "tokenizer"), *out = tfx_cli_value(a, "output");
    tfx_class_settings settings = {0};
    tfx_tokenize_job j = {.out = out};
    const char **files = NULL;
    char *what = NULL;
    tfx_options *options = NULL;
    if (!out)
        tfx_fail(err, TFX_E_INVALID, "tokenize: expected -o FILE, where the tokens go");
    tfx_registry *r = err->status == TFX_OK ? tfx_registry_open(tfx_cli_plugin_dir(), err) : NULL;
    if (r && read_format(tfx_cli_value(a, "format"), &j.format, err) == TFX_OK &&
        tfx_class_settings_read(&settings, a, err) == TFX_OK)
        j.cls = tfx_registry_find(r, TFX_KIND_TOKENIZER, name ? name : "bytes", err);
    if (j.cls) {
        what = tfx_printf("tokenizer %s", j.cls->name);
        options = tfx_options_resolve(j.cls->options, j.cls->n_options, settings.items, settings.n, what, err);
    }
    if (options) {
        size_t cap = 0;
        for (const char *file; (file = tfx_cli_arg(a, j.n_files));)
            *TFX_APPEND(files, j.n_files, cap) = file;
        j.files = files;
        j.options = options;
        carry_out(&j, tfx_registry_owner(r, j.cls), &settings, tfx_cli_flag(a, "json"), err);
    }
    free(j.file_tokens);
    free(files);
    free(what);
    tfx_options_destroy(options);
    tfx_class_settings_finish(&settings);
    tfx_registry_close(r);
    if (j.interrupted)
        fprintf(stderr, "tfx: tokenize: interrupted; nothing is written\n");
    return j.interrupted ? TFX_CLI_INTERRUPTED : 0;
}

static const tfx_cli_option options[] = {
    {"tokenizer", "NAME", 0, "by which tokenizer (default: bytes); 'tfx plugin list' has those that there are"},
    {"set", "KEY=VALUE", 1, "an option of the tokenizer"},
    {"output", "FILE", 0, "the token file; FILE.json says what it was made of", 'o'},
    {"format", "NAME", 0, "nanogpt or llmc (default: nanogpt, or llmc beyond 65536 tokens)"},
    {"json", NULL, 0, "print what FILE.json says"},
    {NULL},
};

const tfx_command tfx_cmd_tokenize = {
    "tokenize",
    "TEXT... -o FILE [--tokenizer NAME] [--set KEY=VALUE]... [--format NAME] [--json]",
    "Make a token file of texts, each a document, for the loader 'tokens'.",
    "  tfx tokenize data/linux-doc/train.txt -o train.bin\n"
    "  tfx tokenize books/*.txt -o books.bin --set end_of_text=true\n",
    options,
    1,
    -1,
    run,
};
