/* tfx plugin ABI: what the host offers to every plugin. */
#ifndef TFX_HOST_H
#define TFX_HOST_H

#include "options.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tfx_log_level { TFX_LOG_DEBUG = 0, TFX_LOG_INFO = 1, TFX_LOG_WARN = 2 } tfx_log_level;

/* The host table. One per process; outlives every plugin object. All functions are [any]. */
typedef struct tfx_host tfx_host;
struct tfx_host {
    size_t struct_size;
    uint32_t abi_major, abi_minor; /* of the host */

    /* Records an error message for the current thread and returns `status`, so that
     * `return host->fail(host, TFX_E_IO, "...")` is the whole of error handling. The
     * message says what, where, expected and found. One that starts with the name of an
     * option of the plugin and a colon ("steps: expected ...; found ...") gets the file, line
     * and full key where the spec sets it; others get the place of the plugin. Only the first
     * message of a call is kept. */
    tfx_status (*fail)(const tfx_host *host, tfx_status status, const char *fmt, ...) TFX_PRINTF(3, 4);

    /* Adds a line to the run's log. Never needed to report an error. */
    void (*log)(const tfx_host *host, tfx_log_level level, const char *fmt, ...) TFX_PRINTF(3, 4);

    /* Resolved option values. Asking for a name or type that was not declared is a bug in
     * the plugin: it is reported as such, and 0, NULL or an empty list is returned.
     * Strings and arrays live as long as `o`. A list's length goes to *n. */
    int64_t (*opt_int)(const tfx_host *host, const tfx_options *o, const char *name);
    double (*opt_real)(const tfx_host *host, const tfx_options *o, const char *name);
    int (*opt_bool)(const tfx_host *host, const tfx_options *o, const char *name);
    const char *(*opt_string)(const tfx_host *host, const tfx_options *o, const char *name);
    const int64_t *(*opt_int_list)(const tfx_host *host, const tfx_options *o, const char *name, size_t *n);
    const double *(*opt_real_list)(const tfx_host *host, const tfx_options *o, const char *name, size_t *n);
    const char *const *(*opt_string_list)(const tfx_host *host, const tfx_options *o, const char *name, size_t *n);

    /* Counter-based random numbers (Philox4x32-10; Salmon et al., SC 2011, "Parallel
     * random numbers: as easy as 1, 2, 3"): the result depends on nothing but the three
     * arguments, so neither threads nor call order can change a run. */
    uint64_t (*random_u64)(uint64_t seed, uint64_t stream, uint64_t index);

    /* Fills out[0..n) with normal deviates (Box-Muller on the same generator) for indices
     * first..first+n of the given stream. */
    void (*random_normal)(uint64_t seed, uint64_t stream, uint64_t first, size_t n, double mean, double std,
                          float *out);
};

#ifdef __cplusplus
}
#endif
#endif
