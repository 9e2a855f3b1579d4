/* Tables: see framework/report/table.h.
 *
 * Text needs all rows before it knows how wide a column is, so it holds them; JSON and
 * CSV go out row by row. */
#include "framework/report/table.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"

static tfx_status fail_stmt(sqlite3_stmt *stmt, tfx_error *err)
{
    sqlite3 *db = sqlite3_db_handle(stmt);
    /* SQLITE_ERROR is what the statement itself did wrong, such as a malformed JSON path. */
    return tfx_fail(err, sqlite3_errcode(db) == SQLITE_ERROR ? TFX_E_INVALID : TFX_E_IO,
                    "reading the database: %s", sqlite3_errmsg(db));
}

char *tfx_cell_format(char *buf, tfx_cell cell, double x)
{
    switch (cell) {
    case TFX_CELL_COUNT: return tfx_format_count(buf, x);
    case TFX_CELL_SECONDS: return tfx_format_seconds(buf, x);
    case TFX_CELL_BYTES: return tfx_format_bytes(buf, x);
    case TFX_CELL_LOSS: snprintf(buf, 32, "%.4f", x); return buf;
    case TFX_CELL_TENTHS: snprintf(buf, 32, "%.1f", x); return buf;
    case TFX_CELL_SMALL: snprintf(buf, 32, "%.2g", x); return buf;
    case TFX_CELL_FLOPS: {
        if (x == 0) {
            strcpy(buf, "0");
            return buf;
        }
        char digits[32];
        snprintf(digits, sizeof(digits), "%.2e", x);
        char *e = strchr(digits, 'e');
        if (e)
            snprintf(buf, 32, "%.*se%d", (int)(e - digits), digits, atoi(e + 1));
        else
            snprintf(buf, 32, "%s", digits);
        return buf;
    }
    default: snprintf(buf, 32, "%.15g", x); return buf;
    }
}

/* One cell as a single line of text. */
static char *cell_text(sqlite3_stmt *stmt, int i, tfx_cell cell)
{
    int type = sqlite3_column_type(stmt, i);
    char buf[32];
    if (type == SQLITE_NULL)
        return tfx_strdup("-");
    if ((type == SQLITE_INTEGER || type == SQLITE_FLOAT) && cell != TFX_CELL_PLAIN)
        return tfx_strdup(tfx_cell_format(buf, cell, sqlite3_column_double(stmt, i)));
    if (type == SQLITE_BLOB)
        return tfx_printf("(%d bytes)", sqlite3_column_bytes(stmt, i));
    tfx_text t = {0};
    tfx_text_add(&t, "%s", "");
    for (const char *s = (const char *)sqlite3_column_text(stmt, i); s && *s; s++) {
        if (*s == '\n')
            tfx_text_add(&t, "\\n");
        else if (*s == '\t')
            tfx_text_add(&t, "\\t");
        else
            tfx_text_add(&t, "%c", (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
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
    if (right)
        fprintf(out, "%*s%s", (int)pad, "", s);
    else
        fprintf(out, "%s%*s", s, last ? 0 : (int)pad, "");
    fputs(last ? "\n" : "  ", out);
}

static tfx_status print_text(sqlite3_stmt *stmt, const tfx_column *columns, FILE *out, size_t *n_rows,
                             tfx_error *err)
{
    int n = sqlite3_column_count(stmt), rc;
    char **cells = NULL;
    size_t count = 0, cap = 0, rows = 0;
    size_t *width = TFX_NEW_ARRAY(size_t, n);
    int *right = TFX_NEW_ARRAY(int, n);
    for (int i = 0; i < n; i++) {
        const char *title = columns ? columns[i].title : sqlite3_column_name(stmt, i);
        *TFX_APPEND(cells, count, cap) = tfx_strdup(title);
        width[i] = text_width(title);
        right[i] = -1; /* no value seen */
    }
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < n; i++) {
            char *s = cell_text(stmt, i, columns ? columns[i].cell : TFX_CELL_PLAIN);
            int type = sqlite3_column_type(stmt, i);
            *TFX_APPEND(cells, count, cap) = s;
            if (text_width(s) > width[i])
                width[i] = text_width(s);
            if (type != SQLITE_NULL)
                right[i] = right[i] != 0 && (type == SQLITE_INTEGER || type == SQLITE_FLOAT);
        }
        rows++;
    }
    if (rc == SQLITE_DONE && n > 0) {
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
        if (rows == 0)
            fputs("(no rows)\n", out);
    }
    for (size_t k = 0; k < count; k++)
        free(cells[k]);
    free(cells);
    free(width);
    free(right);
    if (n_rows)
        *n_rows = rows;
    return rc == SQLITE_DONE ? TFX_OK : fail_stmt(stmt, err);
}

/* The key of column i: its name, made unique when a join gives two columns the same one. */
static char *column_key(sqlite3_stmt *stmt, int i)
{
    const char *name = sqlite3_column_name(stmt, i);
    int same = 1;
    for (int j = 0; j < i; j++)
        same += !strcmp(name, sqlite3_column_name(stmt, j));
    return same > 1 ? tfx_printf("%s_%d", name, same) : tfx_strdup(name);
}

static char *blob_hex(sqlite3_stmt *stmt, int i)
{
    const unsigned char *bytes = sqlite3_column_blob(stmt, i);
    int n = sqlite3_column_bytes(stmt, i);
    char *hex = tfx_alloc(2 * (size_t)n + 1);
    for (int k = 0; k < n; k++)
        snprintf(hex + 2 * k, 3, "%02x", bytes[k]);
    return hex;
}

static cJSON *row_json(sqlite3_stmt *stmt)
{
    cJSON *row = cJSON_CreateObject();
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        char *key = column_key(stmt, i);
        double x;
        switch (sqlite3_column_type(stmt, i)) {
        case SQLITE_INTEGER: /* raw: a double would round beyond 2^53 */
            cJSON_AddRawToObject(row, key, (const char *)sqlite3_column_text(stmt, i));
            break;
        case SQLITE_FLOAT:
            x = sqlite3_column_double(stmt, i);
            if (isfinite(x))
                cJSON_AddNumberToObject(row, key, x);
            else
                cJSON_AddNullToObject(row, key);
            break;
        case SQLITE_TEXT: cJSON_AddStringToObject(row, key, (const char *)sqlite3_column_text(stmt, i)); break;
        case SQLITE_BLOB: {
            char *hex = blob_hex(stmt, i);
            cJSON_AddStringToObject(row, key, hex);
            free(hex);
            break;
        }
        default: cJSON_AddNullToObject(row, key);
        }
        free(key);
    }
    return row;
}

static tfx_status print_json(sqlite3_stmt *stmt, FILE *out, size_t *n_rows, tfx_error *err)
{
    size_t rows = 0;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        cJSON *row = row_json(stmt);
        char *text = cJSON_PrintUnformatted(row);
        fprintf(out, "%s%s", rows++ ? ",\n " : "[", text);
        cJSON_free(text);
        cJSON_Delete(row);
    }
    if (rc != SQLITE_DONE)
        return fail_stmt(stmt, err);
    fputs(rows ? "]\n" : "[]\n", out);
    if (n_rows)
        *n_rows = rows;
    return TFX_OK;
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

/* As short as reading it back to the same number allows. */
static void print_csv_real(FILE *out, double x)
{
    char buf[32];
    snprintf(buf, sizeof(buf), "%.15g", x);
    fprintf(out, strtod(buf, NULL) == x ? "%.15g" : "%.17g", x);
}

static tfx_status print_csv(sqlite3_stmt *stmt, FILE *out, size_t *n_rows, tfx_error *err)
{
    int n = sqlite3_column_count(stmt), rc;
    size_t rows = 0;
    for (int i = 0; i < n; i++) {
        print_csv_field(out, sqlite3_column_name(stmt, i));
        fputs(i == n - 1 ? "\n" : ",", out);
    }
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < n; i++) {
            int type = sqlite3_column_type(stmt, i);
            if (type == SQLITE_FLOAT)
                print_csv_real(out, sqlite3_column_double(stmt, i));
            else if (type == SQLITE_BLOB) {
                char *hex = blob_hex(stmt, i);
                fputs(hex, out);
                free(hex);
            } else if (type != SQLITE_NULL)
                print_csv_field(out, (const char *)sqlite3_column_text(stmt, i));
            fputs(i == n - 1 ? "\n" : ",", out);
        }
        rows++;
    }
    if (n_rows)
        *n_rows = rows;
    return rc == SQLITE_DONE ? TFX_OK : fail_stmt(stmt, err);
}

tfx_status tfx_table_print(sqlite3_stmt *stmt, const tfx_column *columns, tfx_format format, FILE *out,
                           size_t *n_rows, tfx_error *err)
{
    switch (format) {
    case TFX_FORMAT_JSON: return print_json(stmt, out, n_rows, err);
    case TFX_FORMAT_CSV: return print_csv(stmt, out, n_rows, err);
    default: return print_text(stmt, columns, out, n_rows, err);
    }
}

cJSON *tfx_table_json(sqlite3_stmt *stmt, tfx_error *err)
{
    cJSON *rows = cJSON_CreateArray();
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        cJSON_AddItemToArray(rows, row_json(stmt));
    if (rc == SQLITE_DONE)
        return rows;
    cJSON_Delete(rows);
    fail_stmt(stmt, err);
    return NULL;
}

void tfx_json_print(const cJSON *json, FILE *out)
{
    char *text = cJSON_Print(json);
    fprintf(out, "%s\n", text);
    cJSON_free(text);
}
