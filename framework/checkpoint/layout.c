#include "framework/checkpoint/layout.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/hash.h"
#include "framework/base/memory.h"
#include "framework/checkpoint/atomic_file.h"
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

/* What checkpoint.json says of tfx_checkpoint_record, in this order. Numbers are text with all their digits: JSON readers
 * keep only 53 bits. */
#define AT(field) offsetof(tfx_checkpoint_record, at.field)
static const struct member {
    const char *key;
    enum { BOOLEAN, INTEGER, UNSIGNED, EXACT } type;
    size_t offset;
} members[] = {
    {"stage", INTEGER, AT(stage)},
    {"stage_step", INTEGER, AT(stage_step)},
    {"stage_done", BOOLEAN, AT(stage_done)},
    {"step", INTEGER, AT(step)},
    {"tokens", INTEGER, AT(tokens)},
    {"schedule_done", EXACT, AT(schedule_done)},
    {"flops", EXACT, AT(flops)},
    {"seconds", EXACT, AT(seconds)},
    {"train_loss", EXACT, AT(train_loss)},
    {"val_loss", EXACT, AT(val_loss)},
    {"val_step", INTEGER, AT(val_step)},
};
/* Written where a run started from another one's checkpoint. */
static const struct member before_members[] = {
    {"steps", INTEGER, AT(before.steps)},
    {"tokens", INTEGER, AT(before.tokens)},
    {"flops", EXACT, AT(before.flops)},
    {"seconds", EXACT, AT(before.seconds)},
};
/* With two names beside them. */
static const struct member setting_members[] = {
    {"context", INTEGER, offsetof(tfx_checkpoint_record, setting.context)},
    {"vocab", INTEGER, offsetof(tfx_checkpoint_record, setting.vocab)},
    {"micro_batch", INTEGER, offsetof(tfx_checkpoint_record, setting.micro_batch)},
    {"seed", INTEGER, offsetof(tfx_checkpoint_record, setting.seed)},
};
static const struct member position_members[] = {
    {"batch_index", UNSIGNED, AT(position.batch_index)}, {"extra0", UNSIGNED, AT(position.extra[0])},
    {"extra1", UNSIGNED, AT(position.extra[1])},         {"extra2", UNSIGNED, AT(position.extra[2])},
    {"extra3", UNSIGNED, AT(position.extra[3])},
};
enum {
    N_MEMBERS = sizeof(members) / sizeof(*members),
    N_BEFORE_MEMBERS = sizeof(before_members) / sizeof(*before_members),
    N_SETTING_MEMBERS = sizeof(setting_members) / sizeof(*setting_members),
    N_POSITION_MEMBERS = sizeof(position_members) / sizeof(*position_members)
};

tfx_spent tfx_spent_so_far(const tfx_run_standing *at)
{
    return (tfx_spent){.steps = at->before.steps + at->step,
                       .tokens = at->before.tokens + at->tokens,
                       .flops = at->before.flops + at->flops,
                       .seconds = at->before.seconds + at->seconds};
}

/* ---- writing ---- */

static void add_members(cJSON *o, const struct member *m, size_t n, const tfx_checkpoint_record *r)
{
    for (size_t i = 0; i < n; i++) {
        const void *value = (const char *)r + m[i].offset;
        char text[64];
        switch (m[i].type) {
        case BOOLEAN: cJSON_AddBoolToObject(o, m[i].key, *(const int *)value); continue;
        case INTEGER: snprintf(text, sizeof(text), "%" PRId64, *(const int64_t *)value); break;
        case UNSIGNED: snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)value); break;
        case EXACT: snprintf(text, sizeof(text), "%.17g", *(const double *)value); break;
        }
        cJSON_AddStringToObject(o, m[i].key, text);
    }
}

static char *record_text(const tfx_checkpoint_record *r)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "format", TFX_CHECKPOINT_FORMAT);
    cJSON *files = cJSON_AddObjectToObject(o, "files");
    cJSON_AddStringToObject(files, TFX_CHECKPOINT_WEIGHTS, r->weights);
    if (*r->optimizer)
        cJSON_AddStringToObject(files, TFX_CHECKPOINT_OPTIMIZER, r->optimizer);
    add_members(o, members, N_MEMBERS, r);
    if (r->policy)
        cJSON_AddStringToObject(o, "policy", r->policy);
    add_members(cJSON_AddObjectToObject(o, "data_position"), position_members, N_POSITION_MEMBERS, r);
    if (r->at.before.steps)
        add_members(cJSON_AddObjectToObject(o, "before"), before_members, N_BEFORE_MEMBERS, r);
    if (r->setting.context) {
        cJSON *setting = cJSON_AddObjectToObject(o, "setting");
        add_members(setting, setting_members, N_SETTING_MEMBERS, r);
        cJSON_AddStringToObject(setting, "optimizer", r->setting.optimizer);
        cJSON_AddStringToObject(setting, "data", r->setting.data);
        if (r->setting.model)
            cJSON_AddStringToObject(setting, "model", r->setting.model);
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
    tfx_atomic_file f = {.unsynced = 1};
    if (tfx_atomic_file_begin(&f, path, err) == TFX_OK && tfx_atomic_file_write(&f, text, n, err) == TFX_OK)
        tfx_atomic_file_commit(&f, err);
    tfx_atomic_file_finish(&f);
    tfx_bytes_hash(text, n, hash);
    *bytes += n;
    free(text);
    free(path);
    return err->status;
}

/* ---- reading ---- */

void tfx_checkpoint_record_finish(tfx_checkpoint_record *r)
{
    free(r->policy);
    free(r->setting.model);
    r->policy = r->setting.model = NULL;
}

static const char *text_of(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsString(v) ? v->valuestring : "";
}

static int get_member(const cJSON *o, const struct member *m, void *value)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, m->key);
    const char *text = text_of(o, m->key), *digits = text + (m->type == INTEGER && *text == '-');
    char *end;
    errno = 0;
    switch (m->type) {
    case BOOLEAN: *(int *)value = cJSON_IsTrue(v); return cJSON_IsBool(v);
    case EXACT: *(double *)value = strtod(text, &end); return end > text && !*end;
    case INTEGER: *(int64_t *)value = strtoll(text, NULL, 10); break;
    case UNSIGNED: *(uint64_t *)value = strtoull(text, NULL, 10); break;
    }
    return *digits && !digits[strspn(digits, "0123456789")] && !errno;
}

static int get_members(const cJSON *o, const struct member *m, size_t n, tfx_checkpoint_record *r)
{
    int ok = 1;
    for (size_t i = 0; i < n && ok; i++)
        ok = get_member(o, &m[i], (char *)r + m[i].offset);
    return ok;
}

static int get_hash(const cJSON *files, const char *file, char hash[33])
{
    const char *text = text_of(files, file);
    snprintf(hash, 33, "%s", text);
    return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static int get_setting(const cJSON *o, tfx_checkpoint_record *r)
{
    snprintf(r->setting.optimizer, sizeof(r->setting.optimizer), "%s", text_of(o, "optimizer"));
    r->setting.model = tfx_strdup(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "model")));
    return get_members(o, setting_members, N_SETTING_MEMBERS, r) && get_hash(o, "data", r->setting.data);
}

static int get_record(const cJSON *o, tfx_checkpoint_record *r)
{
    const cJSON *before = cJSON_GetObjectItemCaseSensitive(o, "before");
    const cJSON *setting = cJSON_GetObjectItemCaseSensitive(o, "setting");
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(o, "files");
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(o, "data_position");
    const cJSON *policy = cJSON_GetObjectItemCaseSensitive(o, "policy");
    r->at.position.struct_size = sizeof(r->at.position);
    r->policy = cJSON_IsString(policy) ? tfx_strdup(policy->valuestring) : NULL;
    return (!policy || r->policy) && get_hash(files, TFX_CHECKPOINT_WEIGHTS, r->weights) &&
           (!cJSON_HasObjectItem(files, TFX_CHECKPOINT_OPTIMIZER) ||
            get_hash(files, TFX_CHECKPOINT_OPTIMIZER, r->optimizer)) &&
           get_members(o, members, N_MEMBERS, r) && get_members(data, position_members, N_POSITION_MEMBERS, r) &&
           (!before || get_members(before, before_members, N_BEFORE_MEMBERS, r)) &&
           (!setting || get_setting(setting, r));
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
    *out = (tfx_checkpoint_record){0};
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
    tfx_checkpoint_record r = {0};
    if (access(path, F_OK) == 0 && tfx_checkpoint_record_read(folder, NULL, &r, err) == TFX_OK)
        tfx_checkpoint_check_file(folder, TFX_CHECKPOINT_WEIGHTS, r.weights, err);
    tfx_checkpoint_record_finish(&r);
    free(path);
    return err->status;
}
