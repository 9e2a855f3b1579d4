/* The host table: what plugins may call.
 *
 * Messages are kept per thread, because the loader's thread and the main thread may fail at
 * the same time, and per call, because calls nest: a layer's build asks for a slot, and the
 * host calls another layer's build to fill it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/plugin/options.h"
#include "framework/plugin/registry.h"

typedef struct call {
    struct call *outer;
    tfx_error first; /* the first message of this call */
    int misuse;      /* it says that the plugin used the host wrongly, which counts whatever
                        the plugin returns: a layer's build has no status to return */
} call;

static _Thread_local call *current;

static tfx_status host_fail(const tfx_host *host, tfx_status status, const char *fmt, ...)
{
    va_list ap;
    (void)host;
    /* A plugin that reports an error with a status that is none must not be taken for one
     * that succeeded. */
    if (status >= TFX_OK)
        status = TFX_E_INTERNAL;
    va_start(ap, fmt);
    if (current)
        tfx_vfail(&current->first, status, fmt, ap);
    va_end(ap);
    return status;
}

static void host_log(const tfx_host *host, tfx_log_level level, const char *fmt, ...)
{
    char line[2048];
    va_list ap;
    (void)host;
    if (level == TFX_LOG_DEBUG && !getenv("TFX_DEBUG"))
        return;
    int n = snprintf(line, sizeof(line), "tfx: %s",
                     level == TFX_LOG_DEBUG ? "debug: " : level == TFX_LOG_WARN ? "warning: " : "");
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
    va_end(ap);
    strcat(line, "\n");
    fputs(line, stderr); /* one call, so that lines of several threads do not mix */
}

/* Whether an option was declared with one of the types in `mask`; reports a bug otherwise. */
static int declared(const tfx_options *o, const char *name, unsigned mask, const char *getter)
{
    static const char *const words[] = {"none", "int", "real", "bool", "string", "choice", "path",
                                        "int list", "real list", "string list"};
    tfx_option_type type = o && name ? tfx_options_type(o, name) : (tfx_option_type)0;
    if (mask >> type & 1)
        return 1;
    if (current && !current->misuse) {
        current->first.status = TFX_OK;
        current->misuse = 1;
        if (!o || !name)
            tfx_fail(&current->first, TFX_E_INTERNAL, "bug in the plugin: %s was called with %s NULL", getter,
                     o ? "the name" : "options");
        else if (!type)
            tfx_fail(&current->first, TFX_E_INTERNAL, "bug in the plugin: %s(\"%s\"): no such option is declared", getter,
                     name);
        else
            tfx_fail(&current->first, TFX_E_INTERNAL, "bug in the plugin: %s(\"%s\"): the option is declared as %s", getter,
                     name, words[type]);
    }
    return 0;
}

static int64_t host_opt_int(const tfx_host *host, const tfx_options *o, const char *name)
{
    (void)host;
    return declared(o, name, 1u << TFX_OPT_INT, "opt_int") ? tfx_options_int(o, name) : 0;
}

static double host_opt_real(const tfx_host *host, const tfx_options *o, const char *name)
{
    (void)host;
    return declared(o, name, 1u << TFX_OPT_REAL, "opt_real") ? tfx_options_real(o, name) : 0.0;
}

static int host_opt_bool(const tfx_host *host, const tfx_options *o, const char *name)
{
    (void)host;
    return declared(o, name, 1u << TFX_OPT_BOOL, "opt_bool") ? tfx_options_bool(o, name) : 0;
}

static const char *host_opt_string(const tfx_host *host, const tfx_options *o, const char *name)
{
    unsigned mask = 1u << TFX_OPT_STRING | 1u << TFX_OPT_CHOICE | 1u << TFX_OPT_PATH;
    (void)host;
    return declared(o, name, mask, "opt_string") ? tfx_options_string(o, name) : NULL;
}

static const int64_t *host_opt_int_list(const tfx_host *host, const tfx_options *o, const char *name, size_t *n)
{
    (void)host;
    *n = 0;
    return declared(o, name, 1u << TFX_OPT_INT_LIST, "opt_int_list") ? tfx_options_int_list(o, name, n) : NULL;
}

static const double *host_opt_real_list(const tfx_host *host, const tfx_options *o, const char *name, size_t *n)
{
    (void)host;
    *n = 0;
    return declared(o, name, 1u << TFX_OPT_REAL_LIST, "opt_real_list") ? tfx_options_real_list(o, name, n) : NULL;
}

static const char *const *host_opt_string_list(const tfx_host *host, const tfx_options *o, const char *name,
                                               size_t *n)
{
    (void)host;
    *n = 0;
    return declared(o, name, 1u << TFX_OPT_STRING_LIST, "opt_string_list") ? tfx_options_string_list(o, name, n)
                                                                          : NULL;
}

const tfx_host *tfx_host_table(void)
{
    static const tfx_host table = {
        .struct_size = sizeof(tfx_host),
        .abi_major = TFX_ABI_MAJOR,
        .abi_minor = TFX_ABI_MINOR,
        .fail = host_fail,
        .log = host_log,
        .opt_int = host_opt_int,
        .opt_real = host_opt_real,
        .opt_bool = host_opt_bool,
        .opt_string = host_opt_string,
        .opt_int_list = host_opt_int_list,
        .opt_real_list = host_opt_real_list,
        .opt_string_list = host_opt_string_list,
        .random_u64 = tfx_random_u64,
        .random_normal = tfx_random_normal,
    };
    return &table;
}

void tfx_host_call_begin(void)
{
    call *c = TFX_NEW(call);
    c->outer = current;
    current = c;
}

static const char *status_word(tfx_status status)
{
    switch (status) {
    case TFX_E_INVALID: return "invalid argument";
    case TFX_E_IO: return "input/output error";
    case TFX_E_DATA: return "malformed data";
    case TFX_E_MEMORY: return "out of memory";
    case TFX_E_UNSUPPORTED: return "not supported";
    case TFX_E_INTERNAL: return "internal error";
    default: return "unknown status";
    }
}

tfx_status tfx_host_call_end(tfx_status status, const char *what, tfx_error *err)
{
    call *c = current;
    const char *prefix = what ? what : "", *colon = what && *what ? ": " : "";
    current = c->outer;
    if (c->misuse)
        status = TFX_E_INTERNAL;
    if (status > TFX_OK) {
        tfx_fail(err, TFX_E_INTERNAL, "%s%sbug in the plugin: it returned %d, which is no tfx_status", prefix, colon,
                 (int)status);
        status = TFX_E_INTERNAL;
    } else if (status < TFX_OK && c->first.status != TFX_OK) {
        tfx_fail(err, status, "%s%s%s", prefix, colon, c->first.text);
    } else if (status < TFX_OK) {
        tfx_fail(err, status, "%s%sfailed without a message (status %d, %s)", prefix, colon, (int)status,
                 status_word(status));
    }
    free(c);
    return status;
}
