/* Suggest: how a message about an unknown name ends.
 *
 *     tfx_suggest s = {.name = name};
 *     for (...)
 *         tfx_suggest_add(&s, "%s", known[i]);
 *     tfx_fail(err, TFX_E_INVALID, "there is no layer \"%s\"", name);
 *     return tfx_suggest_end(&s, "no plugin offers any", err);
 *
 * says `there is no layer "mpl"; did you mean "mlp"?`. */
#ifndef TFX_BASE_SUGGEST_H
#define TFX_BASE_SUGGEST_H

#include "framework/base/error.h"

typedef struct tfx_suggest {
    const char *name;   /* that is not known */
    const char *prefix; /* what is shown before each known name but not compared; may be NULL */
    int listed;         /* the message has all known names already */
    char **known;
    size_t n, cap;
} tfx_suggest;

/* One more name that would have been known; one that is there already counts once. */
void tfx_suggest_add(tfx_suggest *s, const char *fmt, ...) TFX_PRINTF(2, 3);

/* Puts behind the message that err holds the nearest known name or, when none is near, those
 * that there are, if these are few; without any, `none` (may be NULL). Where err holds no message,
 * nothing was wrong. Frees what was added and returns err's status. */
tfx_status tfx_suggest_end(tfx_suggest *s, const char *none, tfx_error *err);

#endif
