#include "framework/base/suggest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"

/* More names than this help nobody who reads a message. */
#define MOST_LISTED 32

void tfx_suggest_add(tfx_suggest *s, const char *fmt, ...)
{
    char name[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof(name), fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->known[i], name))
            return;
    *TFX_APPEND(s->known, s->n, s->cap) = tfx_strdup(name);
}

/* A name that only lacks the parts before it is the likeliest slip: "path" for "loader.path". */
static const char *nearest(const tfx_suggest *s)
{
    size_t length = strlen(s->name);
    for (size_t i = 0; i < s->n; i++) {
        size_t n = strlen(s->known[i]);
        if (n > length && s->known[i][n - length - 1] == '.' && !strcasecmp(s->known[i] + n - length, s->name))
            return s->known[i];
    }
    return tfx_nearest(s->name, (const char *const *)s->known, s->n);
}

tfx_status tfx_suggest_end(tfx_suggest *s, const char *none, tfx_error *err)
{
    const char *near = err->status == TFX_OK ? NULL : nearest(s), *prefix = s->prefix ? s->prefix : "";
    int list = err->status != TFX_OK && !near && !s->listed && s->n <= MOST_LISTED;
    if (near)
        tfx_error_append(err, "; did you mean \"%s%s\"?", prefix, near);
    else if (err->status != TFX_OK && !s->n && none)
        tfx_error_append(err, "; %s", none);
    for (size_t i = 0; i < s->n; i++) {
        if (list)
            tfx_error_append(err, "%s%s%s", i ? ", " : "; expected one of: ", prefix, s->known[i]);
        free(s->known[i]);
    }
    free(s->known);
    s->known = NULL;
    s->n = s->cap = 0;
    return err->status;
}
