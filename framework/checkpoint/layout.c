#include "framework/checkpoint/layout.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/hash.h"
#include "framework/base/memory.h"
#include "framework/checkpoint/files.h"

#define RECORD "checkpoint.json"
#define RECORD_OF_FORMAT_1 "progress.json"
#define MAX_RECORD_BYTES ((size_t)1 << 20) /* a thousand times what tfx writes */

static tfx_status fail_hash(const char *path, const char *expected, const char *found, tfx_error *err)
{
    return tfx_fail(err, TFX_E_DATA,
                    "%s: expected content hash %s, found %s: the file was changed, is damaged, or "
                    "belongs to another checkpoint",
                    path, expected, found);
}

/* ---- writing ---- */

/* Numbers as text with all their digits: JSON readers keep only 53 bits. */
static void add_exact(cJSON *o, const char *key, double x)
{
    char text[64];
    snprintf(text, sizeof(text), "%.17g", x);
    cJSON_AddStringToObject(o, key, text);
}

static void add_integer(cJSON *o, const char *key, int64_t x)
{
    char text[64];
    snprintf(text, sizeof(text), "%" PRId64, x);
    cJSON_AddStringToObject(o, key, text);
}

static void add_unsigned(cJSON *o, const char *key, uint64_t x)
{
    char text[64];
    snprintf(text, sizeof(text), "%" PRIu64, x);
    cJSON_AddStringToObject(o, key, text);
}

static char *record_text(const tfx_checkpoint_record *r)
{
    const tfx_run_standing *p = &r->at;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "format", TFX_CHECKPOINT_FORMAT);
    cJSON *files = cJSON_AddObjectToObject(o, "files");
    cJSON_AddStringToObject(files, TFX_CHECKPOINT_WEIGHTS, r->weights);
    if (*r->optimizer)
        cJSON_AddStringToObject(files, TFX_CHECKPOINT_OPTIMIZER, r->optimizer);
    add_integer(o, "stage", p->stage);
    add_integer(o, "stage_step", p->stage_step);
    cJSON_AddBoolToObject(o, "stage_done", p->stage_done);
    add_integer(o, "step", p->step);
    add_integer(o, "tokens", p->tokens);
    add_integer(o, "schedule_first", p->schedule_first);
    add_exact(o, "flops", p->flops);
    add_exact(o, "seconds", p->seconds);
    add_exact(o, "train_loss", p->train_loss);
    add_exact(o, "val_loss", p->val_loss);
    add_integer(o, "val_step", p->val_step);
    cJSON *data = cJSON_AddObjectToObject(o, "data_position");
    add_unsigned(data, "batch_index", p->position.batch_index);
    for (int i = 0; i < 4; i++) {
        char key[16];
        snprintf(key, sizeof(key), "extra%d", i);
        add_unsigned(data, key, p->position.extra[i]);
    }
    char *text = cJSON_Print(o);
    cJSON_Delete(o);
    return text;
}

tfx_status tfx_checkpoint_record_write(const char *folder, const tfx_checkpoint_record *r, uint64_t *bytes,
                                       char hash[33], tfx_error *err)
{
    char *path = tfx_printf("%s/" RECORD, folder), *text = record_text(r);
    size_t n = strlen(text);
    tfx_write_file_atomic(path, text, n, err);
    tfx_bytes_hash(text, n, hash);
    *bytes += n;
    free(text);
    free(path);
    return err->status;
}

/* ---- reading ---- */

static const char *text_of(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsString(v) ? v->valuestring : "";
}

static int get_unsigned(const cJSON *o, const char *key, uint64_t *out)
{
    const char *text = text_of(o, key);
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return *text && !text[strspn(text, "0123456789")] && !errno;
}

static int get_integer(const cJSON *o, const char *key, int64_t *out)
{
    const char *text = text_of(o, key), *digits = text + (*text == '-');
    errno = 0;
    *out = strtoll(text, NULL, 10);
    return *digits && !digits[strspn(digits, "0123456789")] && !errno;
}

static int get_exact(const cJSON *o, const char *key, double *out)
{
    const char *text = text_of(o, key);
    char *end;
    *out = strtod(text, &end);
    return end > text && !*end;
}

static int get_hash(const cJSON *o, const char *key, char hash[33])
{
    const char *text = text_of(o, key);
    snprintf(hash, 33, "%s", text);
    return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static int get_record(const cJSON *o, tfx_checkpoint_record *r)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(o, "files");
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(o, "data_position");
    const cJSON *done = cJSON_GetObjectItemCaseSensitive(o, "stage_done");
    tfx_run_standing *p = &r->at;
    *r = (tfx_checkpoint_record){.at = {.position = {.struct_size = sizeof(p->position)}}};
    p->stage_done = cJSON_IsTrue(done);
    int ok = get_hash(files, TFX_CHECKPOINT_WEIGHTS, r->weights) &&
             (!cJSON_HasObjectItem(files, TFX_CHECKPOINT_OPTIMIZER) ||
              get_hash(files, TFX_CHECKPOINT_OPTIMIZER, r->optimizer)) &&
             cJSON_IsBool(done) && get_integer(o, "stage", &p->stage) && get_integer(o, "stage_step", &p->stage_step) &&
             get_integer(o, "step", &p->step) && get_integer(o, "tokens", &p->tokens) &&
             get_integer(o, "schedule_first", &p->schedule_first) && get_exact(o, "flops", &p->flops) &&
             get_exact(o, "seconds", &p->seconds) && get_exact(o, "train_loss", &p->train_loss) &&
             get_exact(o, "val_loss", &p->val_loss) && get_integer(o, "val_step", &p->val_step) &&
             get_unsigned(data, "batch_index", &p->position.batch_index);
    for (int i = 0; i < 4 && ok; i++) {
        char key[16];
        snprintf(key, sizeof(key), "extra%d", i);
        ok = get_unsigned(data, key, &p->position.extra[i]);
    }
    return ok;
}

/* The whole file, to be freed; NULL with a message. */
static char *read_text(const char *path, size_t *n, tfx_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not hang us */
    FILE *f = fd >= 0 ? fdopen(fd, "rb") : NULL;
    if (!f) {
        tfx_fail(err, TFX_E_IO, "%s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = tfx_alloc(MAX_RECORD_BYTES + 1);
    *n = fread(text, 1, MAX_RECORD_BYTES + 1, f);
    if (ferror(f))
        tfx_fail(err, TFX_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    else if (*n > MAX_RECORD_BYTES)
        tfx_fail(err, TFX_E_DATA, "%s: expected at most %zu bytes, found more: tfx did not write it", path,
                 MAX_RECORD_BYTES);
    fclose(f);
    if (err->status == TFX_OK)
        return text;
    free(text);
    return NULL;
}

static tfx_status parse_record(const char *path, const char *text, size_t n, tfx_checkpoint_record *out, tfx_error *err)
{
    cJSON *o = cJSON_ParseWithLength(text, n);
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(o, "format");
    double number = cJSON_IsNumber(format) ? format->valuedouble : 0;
    if (number > TFX_CHECKPOINT_FORMAT)
        tfx_fail(err, TFX_E_DATA, "%s: format %g is of a newer tfx; this one reads format %d", path, number,
                 TFX_CHECKPOINT_FORMAT);
    else if (number < TFX_CHECKPOINT_FORMAT || !get_record(o, out))
        tfx_fail(err, TFX_E_DATA, "%s: not the record of a checkpoint of format %d", path, TFX_CHECKPOINT_FORMAT);
    cJSON_Delete(o);
    return err->status;
}

tfx_status tfx_checkpoint_record_read(const char *folder, const char *hash, tfx_checkpoint_record *out, tfx_error *err)
{
    char *path = tfx_printf("%s/" RECORD, folder), *old = tfx_printf("%s/" RECORD_OF_FORMAT_1, folder), found[33];
    size_t n = 0;
    char *text = NULL;
    if ((hash && !*hash) || (access(path, F_OK) != 0 && access(old, F_OK) == 0)) {
        tfx_fail(err, TFX_E_UNSUPPORTED,
                 "%s: is of format 1 (tfx 0.1.0), without hashes of the optimizer state and the data position: a run "
                 "does not go on from it; its weights can be used",
                 folder);
    } else {
        text = read_text(path, &n, err);
    }
    if (text) {
        tfx_bytes_hash(text, n, found);
        if (hash && strcmp(hash, found))
            fail_hash(path, hash, found, err);
        else
            parse_record(path, text, n, out, err);
    }
    free(text);
    free(path);
    free(old);
    return err->status;
}

tfx_status tfx_checkpoint_check_file(const char *folder, const char *file, const char *hash, tfx_error *err)
{
    char *path = tfx_printf("%s/%s", folder, file), found[33];
    if (tfx_file_hash(path, found, err) == TFX_OK && strcmp(hash, found))
        fail_hash(path, hash, found, err);
    free(path);
    return err->status;
}

tfx_status tfx_checkpoint_check_weights(const char *folder, tfx_error *err)
{
    char *path = tfx_printf("%s/" RECORD, folder);
    tfx_checkpoint_record r;
    if (access(path, F_OK) == 0 && tfx_checkpoint_record_read(folder, NULL, &r, err) == TFX_OK)
        tfx_checkpoint_check_file(folder, TFX_CHECKPOINT_WEIGHTS, r.weights, err);
    free(path);
    return err->status;
}
