#include "framework/base/error.h"

#include <stdio.h>
#include <string.h>

tfx_status tfx_vfail(tfx_error *err, tfx_status status, const char *fmt, va_list ap)
{
    if (err->status == TFX_OK) {
        err->status = status;
        err->located = 0;
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
    }
    return err->status;
}

tfx_status tfx_fail(tfx_error *err, tfx_status status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tfx_vfail(err, status, fmt, ap);
    va_end(ap);
    return err->status;
}

void tfx_error_prefix(tfx_error *err, const char *fmt, ...)
{
    char prefix[512], old[sizeof(err->text)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof(prefix), fmt, ap);
    va_end(ap);
    memcpy(old, err->text, sizeof(old));
    int n = snprintf(err->text, sizeof(err->text), "%s: ", prefix), room = (int)sizeof(err->text) - n;
    snprintf(err->text + n, (size_t)room, "%.*s", room - 1, old);
}

void tfx_error_append(tfx_error *err, const char *fmt, ...)
{
    size_t n = strlen(err->text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text + n, sizeof(err->text) - n, fmt, ap);
    va_end(ap);
}

tfx_status tfx_fail_at(tfx_error *err, const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    if (err->status != TFX_OK)
        return err->status;
    va_start(ap, fmt);
    tfx_vfail(err, TFX_E_INVALID, fmt, ap);
    va_end(ap);
    tfx_error_locate(err, file, line);
    return err->status;
}

void tfx_error_locate(tfx_error *err, const char *file, int line)
{
    if (err->located)
        return;
    tfx_error_prefix(err, line ? "%.480s:%d" : "%.480s", file, line);
    err->located = 1;
}

void tfx_error_locate_in(tfx_error *err, const char *file, int line, const char *fmt, ...)
{
    char prefix[512];
    va_list ap;
    if (err->located)
        return;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof(prefix), fmt, ap);
    va_end(ap);
    tfx_error_prefix(err, "%s", prefix);
    tfx_error_locate(err, file, line);
}

int tfx_exit_status(tfx_status status)
{
    switch (status) {
    case TFX_OK: return 0;
    case TFX_E_INVALID:
    case TFX_E_DATA:
    case TFX_E_UNSUPPORTED: return 2;
    default: return 1;
    }
}
