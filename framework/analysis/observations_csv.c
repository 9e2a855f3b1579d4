/* Observations from a CSV file: see framework/analysis/observations.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "framework/analysis/observations.h"
#include "framework/base/csv.h"
#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/plugin/option_text.h"

#define N_ROLES (TFX_LAW_VARIABLES + 2) /* the variables, the loss, the FLOPs */
#define LOSS TFX_LAW_VARIABLES
#define FLOPS (TFX_LAW_VARIABLES + 1)

typedef struct column {
    const char *name, *alias, *meaning; /* name NULL: the law has no such variable */
    int optional;
    int at; /* in the file; -1: not there */
} column;

typedef struct table {
    const char *path;
    size_t n_fields;
    column columns[N_ROLES];
} table;

static void name_columns(table *t, const tfx_law *law)
{
    int takes_flops = 0;
    for (size_t k = 0; k < law->n_variables; k++) {
        const tfx_variable *v = &law->variables[k];
        t->columns[k] = (column){v->column, v->alias, v->meaning, 0, -1};
        takes_flops |= !strcmp(v->column, "flops");
    }
    t->columns[LOSS] = (column){"loss", "val_loss", "the loss at the end of training", 0, -1};
    if (!takes_flops)
        t->columns[FLOPS] = (column){"flops", NULL, "training FLOPs", 1, -1};
}

static int find_field(const tfx_csv *csv, const char *name, size_t from)
{
    for (size_t i = from; name && i < tfx_csv_n_fields(csv); i++)
        if (!strcasecmp(tfx_csv_field(csv, i), name))
            return (int)i;
    return -1;
}

static tfx_status find_column(const table *t, const tfx_csv *csv, column *c, tfx_error *err)
{
    const char *name = c->name;
    c->at = find_field(csv, name, 0);
    if (c->at < 0 && c->alias) {
        name = c->alias;
        c->at = find_field(csv, name, 0);
    }
    if (c->at >= 0 && find_field(csv, name, (size_t)c->at + 1) >= 0)
        return tfx_fail_at(err, t->path, tfx_csv_line(csv), "the column '%s' is there twice", name);
    if (c->at >= 0 || c->optional)
        return TFX_OK;
    tfx_suggest known = {.name = c->name};
    for (size_t i = 0; i < tfx_csv_n_fields(csv); i++)
        tfx_suggest_add(&known, "%s", tfx_csv_field(csv, i));
    tfx_fail_at(err, t->path, tfx_csv_line(csv), "expected a header with a column '%s' (%s)", c->name, c->meaning);
    return tfx_suggest_end(&known, NULL, err);
}

static tfx_status read_header(table *t, const tfx_csv *csv, tfx_text *notes, tfx_error *err)
{
    char *used = TFX_NEW_ARRAY(char, tfx_csv_n_fields(csv));
    size_t n_unused = 0;
    t->n_fields = tfx_csv_n_fields(csv);
    for (size_t k = 0; k < N_ROLES; k++) {
        if (t->columns[k].name && find_column(t, csv, &t->columns[k], err) != TFX_OK)
            break;
        if (t->columns[k].name && t->columns[k].at >= 0)
            used[t->columns[k].at] = 1;
    }
    for (size_t i = 0; i < t->n_fields && err->status == TFX_OK; i++)
        if (!used[i])
            tfx_text_add(notes, "%s%s", n_unused++ ? ", " : "columns that are not used: ", tfx_csv_field(csv, i));
    if (n_unused)
        tfx_text_add(notes, "\n");
    free(used);
    return err->status;
}

/* "124M", "1.24e8"; published tables also have "1.4B" and "124K". */
static int read_positive(const char *text, double *value)
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

static tfx_status read_row(const table *t, const tfx_csv *csv, tfx_observation *o, tfx_error *err)
{
    o->line = tfx_csv_line(csv);
    if (tfx_csv_n_fields(csv) != t->n_fields)
        return tfx_fail_at(err, t->path, o->line, "expected %zu fields, as in the header, found %zu", t->n_fields,
                           tfx_csv_n_fields(csv));
    for (size_t k = 0; k < N_ROLES; k++) {
        const column *c = &t->columns[k];
        double *to = k == LOSS ? &o->loss : k == FLOPS ? &o->flops : &o->x[k];
        const char *text = c->name && c->at >= 0 ? tfx_csv_field(csv, (size_t)c->at) : "";
        if (!*text && (!c->name || c->optional))
            continue;
        if (!read_positive(text, to))
            return tfx_fail_at(err, t->path, o->line, "%s: expected a number above 0, such as %s, found '%s'", c->name,
                               k == LOSS ? "2.85" : "124M or 1.24e8", text);
    }
    return TFX_OK;
}

tfx_status tfx_observations_read_csv(tfx_observations *o, const tfx_law *law, const char *path, tfx_error *err)
{
    table t = {.path = path};
    tfx_csv *csv = tfx_csv_open(path, err);
    o->law = law;
    name_columns(&t, law);
    if (csv && !tfx_csv_next(csv, err))
        tfx_fail(err, TFX_E_INVALID, "%s: expected a header and rows of numbers, found nothing", path);
    if (csv && err->status == TFX_OK && read_header(&t, csv, &o->notes, err) == TFX_OK)
        while (tfx_csv_next(csv, err) && err->status == TFX_OK)
            read_row(&t, csv, TFX_APPEND(o->items, o->n, o->cap), err);
    tfx_csv_close(csv);
    return err->status;
}
