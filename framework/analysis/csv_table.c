#include "framework/analysis/csv_table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/plugin/option_text.h"

static int find_field(const tfx_csv *csv, const char *name, size_t from)
{
    for (size_t i = from; name && i < tfx_csv_n_fields(csv); i++)
        if (!strcasecmp(tfx_csv_field(csv, i), name))
            return (int)i;
    return -1;
}

static tfx_status find_column(const tfx_csv_table *t, tfx_csv_column *c, tfx_error *err)
{
    const char *name = c->name;
    c->at = find_field(t->csv, name, 0);
    if (c->at < 0 && c->alias) {
        name = c->alias;
        c->at = find_field(t->csv, name, 0);
    }
    if (c->at >= 0 && find_field(t->csv, name, (size_t)c->at + 1) >= 0)
        return tfx_fail_at(err, t->path, tfx_csv_line(t->csv), "the column '%s' is there twice", name);
    if (c->at >= 0 || c->optional)
        return TFX_OK;
    tfx_suggest known = {.name = c->name};
    for (size_t i = 0; i < tfx_csv_n_fields(t->csv); i++)
        tfx_suggest_add(&known, "%s", tfx_csv_field(t->csv, i));
    tfx_fail_at(err, t->path, tfx_csv_line(t->csv), "expected a header with a column '%s' (%s)", c->name, c->meaning);
    return tfx_suggest_end(&known, NULL, err);
}

static tfx_status read_header(tfx_csv_table *t, tfx_text *notes, tfx_error *err)
{
    t->n_fields = tfx_csv_n_fields(t->csv);
    char *used = TFX_NEW_ARRAY(char, t->n_fields);
    size_t n_unused = 0;
    for (size_t k = 0; k < t->n_columns; k++) {
        tfx_csv_column *c = &t->columns[k];
        c->at = -1;
        if (c->name && find_column(t, c, err) != TFX_OK)
            break;
        if (c->at >= 0)
            used[c->at] = 1;
    }
    for (size_t i = 0; i < t->n_fields && err->status == TFX_OK; i++)
        if (!used[i])
            tfx_text_add(notes, "%s%s", n_unused++ ? ", " : "columns that are not used: ", tfx_csv_field(t->csv, i));
    if (n_unused)
        tfx_text_add(notes, "\n");
    free(used);
    return err->status;
}

tfx_status tfx_csv_table_open(tfx_csv_table *t, const char *path, tfx_csv_column *columns, size_t n, tfx_text *notes,
                              tfx_error *err)
{
    *t = (tfx_csv_table){.path = path, .csv = tfx_csv_open(path, err), .columns = columns, .n_columns = n};
    if (!t->csv)
        return err->status;
    if (tfx_csv_next(t->csv, err))
        return read_header(t, notes, err);
    return err->status == TFX_OK
               ? tfx_fail(err, TFX_E_INVALID, "%s: expected a header and rows of numbers, found nothing", path)
               : err->status;
}

void tfx_csv_table_close(tfx_csv_table *t)
{
    tfx_csv_close(t->csv);
    t->csv = NULL;
}

int tfx_csv_table_next(tfx_csv_table *t, tfx_error *err)
{
    if (err->status != TFX_OK || !tfx_csv_next(t->csv, err))
        return 0;
    if (tfx_csv_n_fields(t->csv) == t->n_fields)
        return 1;
    tfx_fail_at(err, t->path, tfx_csv_line(t->csv), "expected %zu fields, as in the header, found %zu", t->n_fields,
                tfx_csv_n_fields(t->csv));
    return 0;
}

const char *tfx_csv_table_text(const tfx_csv_table *t, size_t k)
{
    const tfx_csv_column *c = &t->columns[k];
    return c->name && c->at >= 0 ? tfx_csv_field(t->csv, (size_t)c->at) : "";
}

int tfx_csv_positive(const char *text, double *value)
{
    char *s = tfx_strdup(text);
    size_t n = strlen(s);
    if (n && s[n - 1] == 'B')
        s[n - 1] = 'G';
    if (n && s[n - 1] == 'K')
        s[n - 1] = 'k';
    int bad = tfx_option_read_real(s, value) != 0 || *value <= 0;
    free(s);
    return !bad;
}

tfx_status tfx_csv_table_positive(const tfx_csv_table *t, size_t k, double *value, tfx_error *err)
{
    const tfx_csv_column *c = &t->columns[k];
    const char *text = tfx_csv_table_text(t, k);
    double x;
    if (!*text && (!c->name || c->optional))
        return TFX_OK;
    if (!tfx_csv_positive(text, &x))
        return tfx_fail_at(err, t->path, tfx_csv_line(t->csv), "%s: expected a number above 0, such as %s, found '%s'",
                           c->name, c->example, text);
    *value = x;
    return TFX_OK;
}
