/* CSV: see framework/base/csv.h. */
#include "framework/base/csv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"

struct tfx_csv {
    char *path, *text; /* fields are cut out of the text in place: what is left of a field is never longer */
    char *at;          /* where the next record begins */
    int at_line, line; /* of `at`; of the current record */
    char **fields;
    size_t n, cap;
};

/* All bytes of a file, and a zero. NULL with errno. */
static char *read_all(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t cap = 0, got;
    *n = 0;
    if (!f)
        return NULL;
    do {
        cap = cap ? 2 * cap : 1 << 16;
        text = tfx_realloc(text, cap + 1);
        got = fread(text + *n, 1, cap - *n, f);
        *n += got;
    } while (got && *n == cap);
    text[*n] = 0;
    int failed = ferror(f) ? errno : 0;
    fclose(f);
    if (failed) {
        free(text);
        errno = failed;
        return NULL;
    }
    return text;
}

tfx_csv *tfx_csv_open(const char *path, tfx_error *err)
{
    size_t n;
    char *text = read_all(path, &n);
    if (!text) {
        tfx_fail(err, TFX_E_INVALID, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    if (strlen(text) != n) {
        tfx_fail(err, TFX_E_INVALID, "%s: expected text with comma-separated values, found a zero byte", path);
        free(text);
        return NULL;
    }
    tfx_csv *csv = TFX_NEW(tfx_csv);
    csv->path = tfx_strdup(path);
    csv->text = text;
    csv->at = text + (strncmp(text, "\xef\xbb\xbf", 3) ? 0 : 3);
    csv->at_line = 1;
    return csv;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* csv->at is behind the opening quote. Moves it behind the closing one; NULL: there is none. */
static char *quoted_field(tfx_csv *csv)
{
    char *field = csv->at, *to = field, *from = field;
    for (;; from++) {
        if (!*from)
            return NULL;
        csv->at_line += *from == '\n';
        if (*from == '"' && *++from != '"')
            break;
        *to++ = *from;
    }
    csv->at = from;
    *to = 0; /* in the place of a quote, at the latest of the closing one */
    return field;
}

/* Whether the field at csv->at could be read; it then stands before a comma or the end of the line. */
static int read_field(tfx_csv *csv, tfx_error *err)
{
    char *field, *end = NULL;
    int line = csv->at_line;
    while (is_blank(*csv->at))
        csv->at++;
    if (*csv->at == '"') {
        csv->at++;
        field = quoted_field(csv);
        if (!field) {
            tfx_fail_at(err, csv->path, line, "the quote that opens here is never closed");
            return 0;
        }
        while (is_blank(*csv->at))
            csv->at++;
        if (!strchr(",\r\n", *csv->at)) { /* which finds the end of the text, too */
            tfx_fail_at(err, csv->path, csv->at_line,
                        "expected a comma or the end of the line behind \"%s\", found '%c'", field, *csv->at);
            return 0;
        }
    } else {
        field = csv->at;
        csv->at += strcspn(field, ",\r\n");
        for (end = csv->at; end > field && is_blank(end[-1]);)
            end--;
    }
    *TFX_APPEND(csv->fields, csv->n, csv->cap) = field;
    char stop = *csv->at;
    csv->at += !strncmp(csv->at, "\r\n", 2) ? 2 : stop != 0;
    csv->at_line += stop && stop != ',';
    if (end)
        *end = 0; /* where the separator was, if nothing blank is before it */
    return stop == ',';
}

int tfx_csv_next(tfx_csv *csv, tfx_error *err)
{
    while (err->status == TFX_OK && *csv->at) {
        csv->n = 0;
        csv->line = csv->at_line;
        while (read_field(csv, err))
            ;
        if (err->status == TFX_OK && (csv->n > 1 || *csv->fields[0]))
            return 1;
    }
    return 0;
}

size_t tfx_csv_n_fields(const tfx_csv *csv)
{
    return csv->n;
}

const char *tfx_csv_field(const tfx_csv *csv, size_t i)
{
    return csv->fields[i];
}

int tfx_csv_line(const tfx_csv *csv)
{
    return csv->line;
}

void tfx_csv_close(tfx_csv *csv)
{
    if (!csv)
        return;
    free(csv->fields);
    free(csv->text);
    free(csv->path);
    free(csv);
}
