/* Tables: see framework/report/table.h.
 *
 * Text needs all rows before it knows how wide a column is, so it holds them; JSON and
 * CSV go out row by row. */
#include "framework/report/table.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"

char *tfx_cell_format(char *buf, tfx_cell cell, double x)
{
    switch (cell) {
    case TFX_CELL_COUNT: return tfx_format_count(buf, x);
    case TFX_CELL_SECONDS: return tfx_format_seconds(buf, x);
    case TFX_CELL_BYTES: return tfx_format_bytes(buf, x);
    case TFX_CELL_LOSS: snprintf(buf, 32, "%.4f", x); return buf;
    case TFX_CELL_TENTHS: snprintf(buf, 32, "%.1f", x); return buf;
    case TFX_CELL_SMALL: snprintf(buf, 32, "%.2g", x); return buf;
    case TFX_CELL_FOUR: snprintf(buf, 32, "%.4g", x); return buf;
    case TFX_CELL_FLOPS: {
        snprintf(buf, 32, "%.2e", x);
        char *e = strchr(buf, 'e'); /* none in an infinity */
        if (x == 0)
            strcpy(buf, "0");
        else if (e)
            snprintf(e + 1, 8, "%d", atoi(e + 1));
        return buf;
    }
    default: snprintf(buf, 32, "%.15g", x); return buf;
    }
}

/* How many characters of the text come before one that would not stay on its line. */
static size_t plain_length(const char *s)
{
    size_t n = 0;
    while ((unsigned char)s[n] >= 0x20 && s[n] != 0x7f)
        n++;
    return n;
}

char *tfx_cell_text(tfx_rows *q, int i, tfx_cell cell)
{
    tfx_value_type type = tfx_rows_type(q, i);
    char buf[32];
    size_t n_bytes;
    if (type == TFX_VALUE_NULL)
        return tfx_strdup("-");
    if ((type == TFX_VALUE_INTEGER || type == TFX_VALUE_REAL) && cell > TFX_CELL_ARM)
        return tfx_strdup(tfx_cell_format(buf, cell, tfx_rows_as_real(q, i)));
    if (type == TFX_VALUE_BLOB) {
        tfx_rows_blob(q, i, &n_bytes);
        return tfx_printf("(%zu bytes)", n_bytes);
    }
    /* Almost all text is plain; formatting it piece by piece would take most of the time of a long list. */
    const char *s = tfx_rows_as_text(q, i);
    size_t plain = plain_length(s);
    if (!s[plain])
        return tfx_strdup(s);
    tfx_text t = {0};
    for (; *s; plain = plain_length(s)) {
        tfx_text_add(&t, "%.*s", (int)plain, s);
        s += plain;
        if (*s)
            tfx_text_add(&t, "%s", *s == '\n' ? "\\n" : *s == '\t' ? "\\t" : " ");
        s += *s != 0;
    }
    return t.s;
}

/* Columns of a terminal that UTF-8 text takes, wide characters aside. */
static size_t text_width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void print_cell(FILE *out, const char *s, size_t width, int right, int last)
{
    size_t pad = width - text_width(s);
    for (; right && pad; pad--)
        fputc(' ', out);
    fputs(s, out);
    for (; !last && pad; pad--)
        fputc(' ', out);
    fputs(last ? "\n" : "  ", out);
}

static tfx_status print_text(tfx_rows *q, const tfx_column *columns, FILE *out, tfx_error *err)
{
    int n = 0, n_columns = tfx_rows_n_columns(q);
    char **cells = NULL;
    size_t count = 0, cap = 0;
    int *shown = TFX_NEW_ARRAY(int, n_columns), *right = TFX_NEW_ARRAY(int, n_columns);
    size_t *width = TFX_NEW_ARRAY(size_t, n_columns);
    for (int i = 0; i < n_columns; i++) {
        const char *title = columns ? columns[i].title : tfx_rows_name(q, i);
        if (!title)
            continue;
        *TFX_APPEND(cells, count, cap) = tfx_strdup(title);
        width[n] = text_width(title);
        right[n] = -1; /* no value seen */
        shown[n++] = i;
    }
    while (tfx_rows_next(q, err))
        for (int i = 0; i < n; i++) {
            char *s = tfx_cell_text(q, shown[i], columns ? columns[shown[i]].cell : TFX_CELL_PLAIN);
            tfx_value_type type = tfx_rows_type(q, shown[i]);
            *TFX_APPEND(cells, count, cap) = s;
            if (text_width(s) > width[i])
                width[i] = text_width(s);
            if (type != TFX_VALUE_NULL)
                right[i] = right[i] != 0 && (type == TFX_VALUE_INTEGER || type == TFX_VALUE_REAL);
        }
    if (err->status == TFX_OK && n > 0) {
        for (size_t k = 0; k < count; k++) {
            int i = (int)(k % (size_t)n), last = i == n - 1;
            print_cell(out, cells[k], width[i], right[i] == 1, last);
            if (k == (size_t)n - 1) /* the rule below the titles */
                for (int j = 0; j < n; j++) {
                    for (size_t w = 0; w < width[j]; w++)
                        fputc('-', out);
                    fputs(j == n - 1 ? "\n" : "  ", out);
                }
        }
        if (count == (size_t)n)
            fputs("(no rows)\n", out);
    }
    for (size_t k = 0; k < count; k++)
        free(cells[k]);
    free(cells);
    free(shown);
    free(width);
    free(right);
    return err->status;
}

/* The key of column i: its name, made unique when a join gives two columns the same one. */
static char *column_key(const tfx_rows *q, int i)
{
    const char *name = tfx_rows_name(q, i);
    int same = 1;
    for (int j = 0; j < i; j++)
        same += !strcmp(name, tfx_rows_name(q, j));
    return same > 1 ? tfx_printf("%s_%d", name, same) : tfx_strdup(name);
}

static char *blob_hex(tfx_rows *q, int i)
{
    size_t n;
    const unsigned char *bytes = tfx_rows_blob(q, i, &n);
    char *hex = tfx_alloc(2 * n + 1);
    for (size_t k = 0; k < n; k++)
        snprintf(hex + 2 * k, 3, "%02x", bytes[k]);
    return hex;
}

/* Made once for all rows. */
static char **column_keys(const tfx_rows *q)
{
    int n = tfx_rows_n_columns(q);
    char **keys = TFX_NEW_ARRAY(char *, n + 1);
    for (int i = 0; i < n; i++)
        keys[i] = column_key(q, i);
    return keys;
}

static void free_keys(char **keys)
{
    for (size_t i = 0; keys[i]; i++)
        free(keys[i]);
    free(keys);
}

static cJSON *row_json(tfx_rows *q, char *const *keys)
{
    cJSON *row = cJSON_CreateObject();
    for (int i = 0; keys[i]; i++) {
        const char *key = keys[i];
        char buf[32];
        double x;
        switch (tfx_rows_type(q, i)) {
        case TFX_VALUE_INTEGER: /* raw: a double would round beyond 2^53 */
            cJSON_AddRawToObject(row, key, tfx_rows_as_text(q, i));
            break;
        case TFX_VALUE_REAL:
            x = tfx_rows_as_real(q, i);
            if (isfinite(x)) /* raw: cJSON drops digits */
                cJSON_AddRawToObject(row, key, tfx_real_exact(buf, x));
            else
                cJSON_AddNullToObject(row, key);
            break;
        case TFX_VALUE_TEXT: cJSON_AddStringToObject(row, key, tfx_rows_as_text(q, i)); break;
        case TFX_VALUE_BLOB: {
            char *hex = blob_hex(q, i);
            cJSON_AddStringToObject(row, key, hex);
            free(hex);
            break;
        }
        default: cJSON_AddNullToObject(row, key);
        }
    }
    return row;
}

static void print_row(tfx_rows *q, char *const *keys, const char *before, const char *behind, FILE *out)
{
    cJSON *row = row_json(q, keys);
    char *text = cJSON_PrintUnformatted(row);
    fprintf(out, "%s%s%s", before, text, behind);
    cJSON_free(text);
    cJSON_Delete(row);
}

static tfx_status print_jsonl(tfx_rows *q, FILE *out, tfx_error *err)
{
    char **keys = column_keys(q);
    while (tfx_rows_next(q, err))
        print_row(q, keys, "", "\n", out);
    free_keys(keys);
    return err->status;
}

static tfx_status print_json(tfx_rows *q, FILE *out, tfx_error *err)
{
    int any = 0;
    char **keys = column_keys(q);
    for (; tfx_rows_next(q, err); any = 1)
        print_row(q, keys, any ? ",\n " : "[", "", out);
    free_keys(keys);
    if (err->status == TFX_OK)
        fputs(any ? "]\n" : "[]\n", out);
    return err->status;
}

/* RFC 4180: quotes where needed, quotes inside doubled. */
static void print_csv_field(FILE *out, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, out);
        return;
    }
    fputc('"', out);
    for (; *s; s++) {
        if (*s == '"')
            fputc('"', out);
        fputc(*s, out);
    }
    fputc('"', out);
}

static tfx_status print_csv(tfx_rows *q, FILE *out, tfx_error *err)
{
    int n = tfx_rows_n_columns(q);
    for (int i = 0; i < n; i++) {
        print_csv_field(out, tfx_rows_name(q, i));
        fputs(i == n - 1 ? "\n" : ",", out);
    }
    while (tfx_rows_next(q, err))
        for (int i = 0; i < n; i++) {
            tfx_value_type type = tfx_rows_type(q, i);
            char buf[32];
            if (type == TFX_VALUE_REAL)
                fputs(tfx_real_exact(buf, tfx_rows_as_real(q, i)), out);
            else if (type == TFX_VALUE_BLOB) {
                char *hex = blob_hex(q, i);
                fputs(hex, out);
                free(hex);
            } else if (type != TFX_VALUE_NULL)
                print_csv_field(out, tfx_rows_as_text(q, i));
            fputs(i == n - 1 ? "\n" : ",", out);
        }
    return err->status;
}

tfx_status tfx_table_print(tfx_rows *q, const tfx_column *columns, tfx_format format, FILE *out, tfx_error *err)
{
    if (!q)
        return err->status;
    switch (format) {
    case TFX_FORMAT_JSON: return print_json(q, out, err);
    case TFX_FORMAT_JSONL: return print_jsonl(q, out, err);
    case TFX_FORMAT_CSV: return print_csv(q, out, err);
    default: return print_text(q, columns, out, err);
    }
}

cJSON *tfx_table_json(tfx_rows *q, tfx_error *err)
{
    if (!q)
        return NULL;
    cJSON *rows = cJSON_CreateArray();
    char **keys = column_keys(q);
    while (tfx_rows_next(q, err))
        cJSON_AddItemToArray(rows, row_json(q, keys));
    free_keys(keys);
    if (err->status == TFX_OK)
        return rows;
    cJSON_Delete(rows);
    return NULL;
}
