#include "framework/base/memory.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void *checked(void *p, size_t n)
{
    if (!p) {
        fprintf(stderr, "tfx: out of memory (%zu bytes of bookkeeping)\n", n);
        abort();
    }
    return p;
}

void *tfx_alloc(size_t n)
{
    return checked(calloc(1, n ? n : 1), n ? n : 1);
}

void *tfx_realloc(void *p, size_t n)
{
    return checked(realloc(p, n ? n : 1), n ? n : 1);
}

char *tfx_strndup(const char *s, size_t n)
{
    char *copy = tfx_alloc(n + 1);
    memcpy(copy, s, n);
    return copy;
}

char *tfx_trimmed(const char *s, size_t n)
{
    while (n && isspace((unsigned char)*s))
        s++, n--;
    while (n && isspace((unsigned char)s[n - 1]))
        n--;
    return tfx_strndup(s, n);
}

char *tfx_strdup(const char *s)
{
    return s ? tfx_strndup(s, strlen(s)) : NULL;
}

char *tfx_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = tfx_alloc((size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

void *tfx_array_reserve(void *ptr, size_t element, size_t count, size_t *cap)
{
    if (count > *cap) {
        size_t grown = *cap ? *cap * 2 : 8;
        if (grown < count)
            grown = count;
        ptr = tfx_realloc(ptr, grown * element);
        *cap = grown;
    }
    memset((char *)ptr + (count - 1) * element, 0, element);
    return ptr;
}
