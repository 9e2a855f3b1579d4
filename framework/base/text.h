/* Text: a growing buffer, nearest names for error messages, numbers for people and from them. */
#ifndef TFX_BASE_TEXT_H
#define TFX_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* A growing string; zero-initialise. `s` is NULL until something is added. */
typedef struct tfx_text {
    char *s;
    size_t n, cap;
} tfx_text;

void tfx_text_add(tfx_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tfx_text_free(tfx_text *t);

/* How many of the n bytes at `text` are its first character in UTF-8: 0 where they are none (Unicode 15, table 3-7). */
size_t tfx_utf8_length(const char *text, size_t n);
/* The offset of the first byte of `text` that is not UTF-8, or its length. */
size_t tfx_utf8_check(const char *text);

/* The candidate nearest to `name` by edit distance, capital letters or small, or NULL when none is near
 * enough to be a likely misspelling. */
const char *tfx_nearest(const char *name, const char *const *candidates, size_t n);

/* Whether all of `text` is one decimal number that fits, and which. */
int tfx_parse_integer(const char *text, int64_t *value);

/* Formats into buf (at least 32 bytes) and returns it. */
char *tfx_format_bytes(char *buf, double bytes); /* "1.5 GB", powers of ten */
char *tfx_format_count(char *buf, double n);     /* "123.6M" */
char *tfx_format_seconds(char *buf, double s);   /* "2h05m", "3m07s", "12.3s" */

/* "[2, 16, 64]" into buf (at least TFX_SHAPE_TEXT bytes), which it returns. */
#define TFX_SHAPE_TEXT 200
char *tfx_format_shape(char *buf, uint32_t n_dims, const int64_t *dims);

#endif
