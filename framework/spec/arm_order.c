#include "framework/spec/arm_order.h"

#include <string.h>

#include "framework/base/memory.h"

static size_t find(const tfx_experiment *e, const char *name)
{
    size_t i = 0;
    while (i < e->n_arms && strcmp(e->arms[i].name, name))
        i++;
    return i;
}

/* The place of the arm that each starts from, n_arms for those that start from none. */
static tfx_status find_starts(const tfx_experiment *e, const tfx_ini *ini, size_t *from, tfx_error *err)
{
    for (size_t i = 0; i < e->n_arms; i++) {
        const tfx_arm *arm = &e->arms[i];
        tfx_setting setting = {.key = "start", .file = arm->start.file, .line = arm->start.line};
        from[i] = e->n_arms;
        if (arm->start.kind != TFX_START_ARM)
            continue;
        from[i] = find(e, arm->start.name);
        if (from[i] == e->n_arms)
            return tfx_ini_fail_unknown(ini, &setting, "arm", arm->start.name, tfx_ini_find(ini, "arm", arm->name),
                                        err);
    }
    return TFX_OK;
}

/* `at` leads into a cycle, or is in it. */
static tfx_status fail_cycle(const tfx_experiment *e, const size_t *from, size_t at, tfx_error *err)
{
    for (size_t i = 0; i < e->n_arms; i++) /* after so many steps it is in the cycle */
        at = from[at];
    const tfx_arm *first = &e->arms[at];
    tfx_fail_at(err, first->start.file, first->start.line, "start: [arm %s] starts from [arm %s]", first->name,
                first->start.name);
    for (size_t i = from[at]; i != at; i = from[i])
        tfx_error_append(err, ", which starts from [arm %s]", e->arms[i].start.name);
    return err->status;
}

tfx_status tfx_arms_order(tfx_experiment *e, const tfx_ini *ini, tfx_error *err)
{
    size_t *from = TFX_NEW_ARRAY(size_t, e->n_arms), n = 0, next = 0;
    char *placed = TFX_NEW_ARRAY(char, e->n_arms + 1); /* none to start from is always there */
    tfx_arm *arms = TFX_NEW_ARRAY(tfx_arm, e->n_arms);
    placed[e->n_arms] = 1;
    if (find_starts(e, ini, from, err) == TFX_OK)
        while (n < e->n_arms && next < e->n_arms) {
            for (next = 0; next < e->n_arms && (placed[next] || !placed[from[next]]);)
                next++;
            if (next < e->n_arms) {
                placed[next] = 1;
                arms[n++] = e->arms[next];
            }
        }
    for (next = 0; err->status == TFX_OK && next < e->n_arms; next++)
        if (!placed[next])
            fail_cycle(e, from, next, err);
    if (err->status == TFX_OK)
        memcpy(e->arms, arms, e->n_arms * sizeof(*arms));
    for (size_t i = 0; i < e->n_arms && err->status == TFX_OK; i++)
        if (e->arms[i].start.kind == TFX_START_ARM)
            e->arms[i].start.arm = &e->arms[find(e, e->arms[i].start.name)];
    free(arms);
    free(placed);
    free(from);
    return err->status;
}
