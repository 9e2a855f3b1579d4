/* Host memory for metadata. Running out of it while building a few kilobytes of
 * bookkeeping is not something a caller can mend, so these end the process with a message;
 * everything of the size of a tensor goes through calls that return TFX_E_MEMORY. */
#ifndef TFX_BASE_MEMORY_H
#define TFX_BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

void *tfx_alloc(size_t n);            /* zero-filled; n = 0 is allowed */
void *tfx_realloc(void *p, size_t n); /* like realloc */
char *tfx_strdup(const char *s);      /* NULL gives NULL */
char *tfx_strndup(const char *s, size_t n);
char *tfx_trimmed(const char *s, size_t n); /* without the white space around it */
char *tfx_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define TFX_NEW(type) ((type *)tfx_alloc(sizeof(type)))
#define TFX_NEW_ARRAY(type, n) ((type *)tfx_alloc(sizeof(type) * (size_t)(n)))

/* Growable array held as (pointer, count, capacity): appends one zeroed element and
 * evaluates to a pointer to it. */
#define TFX_APPEND(ptr, count, cap) \
    ((ptr) = tfx_array_reserve((ptr), sizeof(*(ptr)), (size_t)(count) + 1, &(cap)), &(ptr)[(count)++])
/* The array, moved if it had to grow, with its last element of `count` zeroed. */
void *tfx_array_reserve(void *ptr, size_t element, size_t count, size_t *cap);

#endif
