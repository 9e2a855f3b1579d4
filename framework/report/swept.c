/* Swept: see framework/report/swept.h. */
#include "framework/report/swept.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/plugin/option_text.h"
#include "framework/store/queries_report.h"

static int compare(const void *a, const void *b)
{
    const tfx_swept_end *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->seed > y->seed) - (x->seed < y->seed);
}

tfx_status tfx_swept_load(tfx_swept *s, tfx_store *store, tfx_id experiment, const tfx_loss_curves *curves,
                          tfx_error *err)
{
    *s = (tfx_swept){0};
    tfx_rows *q = tfx_query_report(store, TFX_REPORT_SWEPT, experiment, err);
    while (tfx_rows_next(q, err)) {
        const char *key = tfx_rows_text(q, 1, err), *text = tfx_rows_text(q, 2, err);
        size_t group = tfx_loss_curves_group(curves, tfx_rows_text(q, 0, err));
        double value, loss = tfx_rows_real(q, 5, err);
        if (tfx_option_read_real(text, &value) != 0 || !isfinite(loss) || loss <= 0 || group == TFX_NO_ARM)
            continue;
        if (!s->key)
            s->key = tfx_strdup(key);
        else if (!s->other_key && strcmp(s->key, key) != 0)
            s->other_key = tfx_strdup(key);
        *TFX_APPEND(s->ends, s->n, s->cap) = (tfx_swept_end){group, tfx_strdup(text), value, loss,
                                                             tfx_rows_int(q, 3, INT64_MIN, err)};
    }
    tfx_rows_close(q);
    if (s->n)
        qsort(s->ends, s->n, sizeof(*s->ends), compare);
    return err->status;
}

void tfx_swept_finish(tfx_swept *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->ends[i].text);
    free(s->ends);
    free(s->key);
    free(s->other_key);
    *s = (tfx_swept){0};
}

size_t tfx_swept_of_group(const tfx_swept *s, size_t i)
{
    size_t n = 0;
    while (i + n < s->n && s->ends[i + n].group == s->ends[i].group)
        n++;
    return n;
}

size_t tfx_swept_of_value(const tfx_swept *s, size_t i, double *mean)
{
    size_t n = 0;
    double sum = 0;
    for (; i + n < s->n && s->ends[i + n].group == s->ends[i].group && s->ends[i + n].value == s->ends[i].value; n++)
        sum += s->ends[i + n].loss;
    *mean = sum / (double)n;
    return n;
}
