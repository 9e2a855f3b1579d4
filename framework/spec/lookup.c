#include "framework/spec/lookup.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"

int tfx_lookup_is_expression(const char *name)
{
    return !strncmp(name, "best:", strlen("best:"));
}

const char *tfx_lookup_value(tfx_lookup *l, const char *expression, int used, tfx_error *err)
{
    tfx_taken *t = NULL;
    if (!l) {
        tfx_fail(err, TFX_E_INVALID, "${%.200s}: this command takes no values from a database", expression);
        return NULL;
    }
    for (size_t i = 0; i < l->n && !t; i++)
        if (!strcmp(l->values[i].expression, expression))
            t = &l->values[i];
    if (!t) {
        tfx_taken found = {0};
        if (l->find(l->user, expression, &found, err) != TFX_OK) {
            tfx_taken_finish(&found);
            return NULL;
        }
        found.expression = tfx_strdup(expression);
        t = TFX_APPEND(l->values, l->n, l->cap);
        *t = found;
    }
    t->used |= used && !l->checking;
    return t->value;
}

void tfx_lookup_finish(tfx_lookup *l)
{
    for (size_t i = 0; i < l->n; i++)
        tfx_taken_finish(&l->values[i]);
    free(l->values);
    l->values = NULL;
    l->n = l->cap = 0;
}

void tfx_taken_finish(tfx_taken *t)
{
    free(t->expression);
    free(t->value);
    free(t->arm);
    free(t->runs);
    free(t->model);
    *t = (tfx_taken){0};
}

char *tfx_taken_text(const tfx_taken *t)
{
    return tfx_printf("${%s} is %s, of %s in experiment %" PRId64 ": val loss %.4f over %" PRId64
                      " seed%s, the best of %" PRId64 " point%s",
                      t->expression, t->value, t->arm, t->experiment, t->loss, t->seeds, t->seeds == 1 ? "" : "s",
                      t->points, t->points == 1 ? "" : "s");
}
