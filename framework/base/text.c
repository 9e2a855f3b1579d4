#include "framework/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"

void tfx_text_add(tfx_text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (t->n + (size_t)n + 1 > t->cap) {
        t->cap = (t->n + (size_t)n + 1) * 2;
        t->s = tfx_realloc(t->s, t->cap);
    }
    va_start(ap, fmt);
    vsnprintf(t->s + t->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    t->n += (size_t)n;
}

void tfx_text_free(tfx_text *t)
{
    free(t->s);
    *t = (tfx_text){0};
}

size_t tfx_utf8_length(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    if (!n || p[0] < 0x80)
        return n > 0;
    size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0; /* overlong, a surrogate, or above U+10FFFF */
    return length;
}

size_t tfx_utf8_check(const char *text)
{
    size_t at = 0, n = strlen(text), length;
    while (at < n && (length = tfx_utf8_length(text + at, n - at)) > 0)
        at += length;
    return at;
}

static int same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Letters that differ only in case are the same; two that have changed places are one slip. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > 64 || nb > 64)
        return 64;
    size_t rows[3][65] = {{0}}; /* of i - 2, i - 1 and i letters of a, in turn */
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        const size_t *before = rows[(i + 1) % 3], *last = rows[(i + 2) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t substitute = last[j - 1] + !same_letter(a[i - 1], b[j - 1]);
            size_t shift = (last[j] < row[j - 1] ? last[j] : row[j - 1]) + 1;
            row[j] = substitute < shift ? substitute : shift;
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]) &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return rows[na % 3][nb];
}

const char *tfx_nearest(const char *name, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t length = strlen(name), best_distance = length / 3 + 2; /* further away, words are alike by chance */
    for (size_t i = 0; i < n; i++) {
        size_t d = edit_distance(name, candidates[i]);
        if (d < best_distance && (d < length || d < strlen(candidates[i]))) {
            best = candidates[i];
            best_distance = d;
        }
    }
    return best;
}

static char *format_scaled(char *buf, double x, const char *const *units, int n_units, const char *space)
{
    int u = 0;
    while (u + 1 < n_units && fabs(x) >= 999.5) {
        x /= 1000.0;
        u++;
    }
    if (u == 0 && x == floor(x))
        snprintf(buf, 32, "%.0f%s%s", x, *units[u] ? space : "", units[u]);
    else
        snprintf(buf, 32, "%.*f%s%s", fabs(x) < 9.995 ? 2 : 1, x, *units[u] ? space : "", units[u]);
    return buf;
}

char *tfx_format_bytes(char *buf, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    return format_scaled(buf, bytes, units, 6, " ");
}

char *tfx_format_count(char *buf, double n)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E", "Z"};
    return format_scaled(buf, n, units, 8, "");
}

char *tfx_format_seconds(char *buf, double s)
{
    if (!isfinite(s) || s < 0)
        snprintf(buf, 32, "?");
    else if (s < 59.95)
        snprintf(buf, 32, "%.1fs", s);
    else if (s < 3599.5)
        snprintf(buf, 32, "%dm%02ds", (int)round(s) / 60, (int)round(s) % 60);
    else if (s < 86400 * 2)
        snprintf(buf, 32, "%dh%02dm", (int)round(s / 60) / 60, (int)round(s / 60) % 60);
    else if (s < 86400.0 * 365 * 2)
        snprintf(buf, 32, "%.1f days", s / 86400);
    else
        snprintf(buf, 32, "%.1f years", s / (86400 * 365.25));
    return buf;
}

char *tfx_format_shape(char *buf, uint32_t n_dims, const int64_t *dims)
{
    size_t at = (size_t)snprintf(buf, TFX_SHAPE_TEXT, "[");
    for (uint32_t i = 0; i < n_dims && at < TFX_SHAPE_TEXT; i++)
        at += (size_t)snprintf(buf + at, TFX_SHAPE_TEXT - at, "%s%" PRId64, i ? ", " : "", dims[i]);
    if (at < TFX_SHAPE_TEXT)
        snprintf(buf + at, TFX_SHAPE_TEXT - at, "]");
    return buf;
}

int tfx_parse_integer(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return !errno && end != text && !*end;
}
