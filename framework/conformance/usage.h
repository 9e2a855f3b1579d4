/* Usage: what this process holds of the system: memory, files, threads. */
#ifndef TFX_CONFORMANCE_USAGE_H
#define TFX_CONFORMANCE_USAGE_H

#include <stddef.h>

typedef struct tfx_usage {
    size_t heap; /* bytes in use */
    size_t files, threads;
    long mappings; /* of files or memory, by the object that tfx_got_intercept was told */
} tfx_usage;

tfx_usage tfx_usage_now(void);

/* What is left of `lives` lives that began at `before`, "4096 bytes of memory"; NULL: nothing. Heap. */
char *tfx_usage_left(const tfx_usage *before, const tfx_usage *after, size_t lives);

#endif
