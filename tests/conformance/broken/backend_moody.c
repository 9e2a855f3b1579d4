/* Caught by: determinism. Every other run has other bits. */
#define BACKEND_NAME "backend_moody"
#define AFTER_RUN(e, state, arena) \
    static int n_runs; \
    n_runs++; \
    for (uint32_t v = 1; v <= last->n_values; v++) \
        if (last->tensors[v]->buffer == TFX_BUFFER_ARENA && last->tensors[v]->n_dims == 3) { \
            float x; \
            cpu->download(opened, arena, last->tensors[v]->offset, &x, 4); \
            x += (float)(n_runs % 8) * 1e-6f; \
            cpu->upload(opened, arena, last->tensors[v]->offset, &x, 4); \
        }
#include "tests/conformance/one_backend.h"
