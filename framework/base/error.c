#include "framework/base/error.h"

#include <stdio.h>
#include <string.h>

tfx_status tfx_vfail(tfx_error *err, tfx_status status, const char *fmt, va_list ap)
{
    if (err->status == TFX_OK) {
        err->status = status;
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
    size_t n = (size_t)snprintf(err->text, sizeof(err->text), "%s: ", prefix);
    if (n < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - n, "%.*s", (int)(sizeof(err->text) - n - 1), old);
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
