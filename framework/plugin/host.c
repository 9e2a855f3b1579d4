/* The host table: what plugins may call. Errors go to the call that the thread is in. */
#include "framework/plugin/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "framework/base/log.h"
#include "framework/base/random.h"
#include "framework/plugin/calls/call.h"
#include "framework/plugin/options.h"

static tfx_status host_fail(const tfx_host *host, tfx_status status, const char *fmt, ...)
{
    tfx_call *call = tfx_call_current();
    va_list ap;
    (void)host;
    /* A plugin that reports an error with a status that is none must not be taken for one
     * that succeeded. */
    if (status >= TFX_OK)
        status = TFX_E_INTERNAL;
    va_start(ap, fmt);
    if (call)
        tfx_vfail(&call->first, status, fmt, ap);
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
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    tfx_log_message("%s%s", level == TFX_LOG_DEBUG ? "debug: " : level == TFX_LOG_WARN ? "warning: " : "", line);
}

/* Whether an option was declared with one of the types in `mask`; reports a bug otherwise. */
static int declared(const tfx_options *o, const char *name, unsigned mask, const char *getter)
{
    static const char *const words[] = {"none", "int",      "real",      "bool",        "string",        "choice",
                                        "path", "int list", "real list", "string list", "real or choice"};
    tfx_option_type type = o && name ? tfx_options_type(o, name) : (tfx_option_type)0;
    if (mask >> type & 1)
        return 1;
    tfx_call *call = tfx_call_current();
    if (!call)
        return 0;
    if (!o || !name)
        tfx_call_bug(call, "%s was called with %s NULL", getter, o ? "the name" : "options");
    else if (!type)
        tfx_call_bug(call, "%s(\"%s\"): no such option is declared", getter, name);
    else
        tfx_call_bug(call, "%s(\"%s\"): the option is declared as %s", getter, name, words[type]);
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
    unsigned mask = 1u << TFX_OPT_REAL | 1u << TFX_OPT_REAL_OR_CHOICE;
    return declared(o, name, mask, "opt_real") ? tfx_options_real(o, name) : 0.0;
}

static int host_opt_bool(const tfx_host *host, const tfx_options *o, const char *name)
{
    (void)host;
    return declared(o, name, 1u << TFX_OPT_BOOL, "opt_bool") ? tfx_options_bool(o, name) : 0;
}

static const char *host_opt_string(const tfx_host *host, const tfx_options *o, const char *name)
{
    unsigned mask = 1u << TFX_OPT_STRING | 1u << TFX_OPT_CHOICE | 1u << TFX_OPT_PATH | 1u << TFX_OPT_REAL_OR_CHOICE;
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

static const char *const *host_opt_string_list(const tfx_host *host, const tfx_options *o, const char *name, size_t *n)
{
    (void)host;
    *n = 0;
    return declared(o, name, 1u << TFX_OPT_STRING_LIST, "opt_string_list") ? tfx_options_string_list(o, name, n) : NULL;
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
