/* Errors: one message that says what, where, expected and found.
 *
 * Functions that can fail take a tfx_error as last parameter and return a tfx_status (or
 * NULL). The first message wins: what failed first is what the user must see. */
#ifndef TFX_BASE_ERROR_H
#define TFX_BASE_ERROR_H

#include <stdarg.h>

#include "tfx/abi.h"

typedef struct tfx_error {
    tfx_status status; /* TFX_OK until something fails */
    int located;       /* the message starts with the place in a spec that is at fault */
    char text[2048];
} tfx_error;

/* Records a message unless there is one already; returns err's status (never TFX_OK). */
tfx_status tfx_fail(tfx_error *err, tfx_status status, const char *fmt, ...) TFX_PRINTF(3, 4);
tfx_status tfx_vfail(tfx_error *err, tfx_status status, const char *fmt, va_list ap);

/* Puts "prefix: " before the message that err holds. */
void tfx_error_prefix(tfx_error *err, const char *fmt, ...) TFX_PRINTF(2, 3);
/* Puts more behind it. */
void tfx_error_append(tfx_error *err, const char *fmt, ...) TFX_PRINTF(2, 3);

/* Places in specs: "file:line: ", or "file: " when line is 0 (--set has no lines).
 * tfx_fail_at records an invalid setting. The others put the place, and "prefix: ", before a
 * message that has no place yet: the innermost, which knows best, wins. */
tfx_status tfx_fail_at(tfx_error *err, const char *file, int line, const char *fmt, ...) TFX_PRINTF(4, 5);
void tfx_error_locate(tfx_error *err, const char *file, int line);
void tfx_error_locate_in(tfx_error *err, const char *file, int line, const char *fmt, ...) TFX_PRINTF(4, 5);

/* The exit status that goes with an error: 2 for bad input, 1 for everything else. */
int tfx_exit_status(tfx_status status);

#endif
