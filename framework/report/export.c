/* Exports: see framework/report/export.h. */
#include "framework/report/export.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "framework/base/hash.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/checkpoint/files.h"
#include "framework/report/tfevents.h"
#include "framework/store/queries_report.h"

tfx_status tfx_report_export(tfx_store *s, tfx_id experiment, tfx_format format, FILE *out, tfx_error *err)
{
    tfx_rows *q = tfx_query_report(s, TFX_REPORT_METRICS, experiment, err);
    tfx_table_print(q, NULL, format, out, err);
    tfx_rows_close(q);
    return err->status;
}

/* ---- TensorBoard ---- */

/* File systems allow 255 bytes. */
#define LONGEST_NAME 200

char *tfx_folder_name(const char *name)
{
    tfx_text t = {0};
    tfx_text_add(&t, "%s", *name ? "" : "%");
    for (const char *c = name; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        int plain = byte >= 0x80 || isalnum(byte) || strchr(" !#$&'()+,-;=@[]^_`{}~", byte) ||
                    (byte == '.' && c > name);
        tfx_text_add(&t, plain ? "%c" : "%%%02x", byte);
    }
    if (t.n > LONGEST_NAME) { /* its beginning, and what stands for all of it */
        char hash[33];
        tfx_bytes_hash(name, strlen(name), hash);
        t.s[LONGEST_NAME - 33] = '\0';
        char *cut = tfx_printf("%s%%%s", t.s, hash);
        tfx_text_free(&t);
        return cut;
    }
    return t.s;
}

/* "train_loss" is "train/loss": TensorBoard groups by what stands before the slash. */
static char *tag_of(const char *name)
{
    static const char *const groups[] = {"train_", "val_"};
    char *tag = tfx_strdup(name);
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
        if (!strncmp(tag, groups[i], strlen(groups[i])))
            tag[strlen(groups[i]) - 1] = '/';
    return tag;
}

/* Columns: TFX_REPORT_STARTS. */
static tfx_status begin_run(tfx_rows *q, const char *dir, double started, tfx_tfevents *t, tfx_error *err)
{
    char *arm = tfx_folder_name(tfx_rows_text(q, 1, err));
    char *folder = tfx_printf("%s/%s/seed-%" PRId64, dir, arm, tfx_rows_int(q, 2, INT64_MIN, err));
    char *path = tfx_printf("%s/events.out.tfevents.%010.0f.tfx", folder, started);
    if (err->status == TFX_OK && tfx_make_dirs(folder, err) == TFX_OK)
        tfx_tfevents_begin(t, path, started, err);
    free(path);
    free(folder);
    free(arm);
    return err->status;
}

/* Columns: tfx_query_metrics. */
static tfx_status add_metrics(tfx_store *s, tfx_id run, double started, tfx_tfevents *t, tfx_error *err)
{
    tfx_rows *q = tfx_query_metrics(s, run, err);
    while (tfx_rows_next(q, err)) {
        char *tag = tag_of(tfx_rows_text(q, 0, err));
        int64_t step = tfx_rows_int(q, 1, 0, err);
        double seconds = tfx_rows_real(q, 2, err), value = tfx_rows_real(q, 3, err);
        if (err->status == TFX_OK)
            tfx_tfevents_add(t, started + seconds, step, tag, value, err);
        free(tag);
    }
    tfx_rows_close(q);
    return err->status;
}

size_t tfx_report_export_tensorboard(tfx_store *s, tfx_id experiment, const char *dir, tfx_error *err)
{
    size_t n = 0;
    tfx_rows *runs = tfx_query_report(s, TFX_REPORT_STARTS, experiment, err);
    while (tfx_rows_next(runs, err)) {
        double started = tfx_rows_real(runs, 3, err);
        tfx_tfevents t = {0};
        if (begin_run(runs, dir, started, &t, err) == TFX_OK &&
            add_metrics(s, tfx_rows_int(runs, 0, 1, err), started, &t, err) == TFX_OK)
            tfx_tfevents_commit(&t, err);
        tfx_tfevents_finish(&t);
        n += err->status == TFX_OK;
    }
    tfx_rows_close(runs);
    return n;
}
