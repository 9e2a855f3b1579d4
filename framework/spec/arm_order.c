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
        for (size_t k = 0; k < e->n_arms && from[i] == e->n_arms; k++)
            if (tfx_arm_answers_to(&e->arms[k], arm->start.name))
                return tfx_fail_at(err, setting.file, setting.line,
                                   "start: expected one arm; [arm %s] is swept, and its points are [arm %s] and others",
                                   arm->start.name, e->arms[k].name);
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

/* ---- planning ---- */

/* Arms on the way from one to what it needs. */
typedef struct walk {
    tfx_experiment *e;
    const tfx_ini *ini;
    char *state; /* 1: on the way, 2: in e->planning */
    size_t *trail, n_trail, n;
    tfx_error *err;
} walk;

/* Why the i-th arm of the way is planned after the next one. */
static const char *reason(const walk *w, size_t i, size_t next)
{
    return w->e->arms[w->trail[i]].start.arm == &w->e->arms[next] ? "starts from" : "is as long as";
}

static tfx_status fail_needed(const walk *w, size_t at)
{
    const tfx_arm *arms = w->e->arms;
    size_t first = 0;
    while (w->trail[first] != at)
        first++;
    /* Starts alone make no cycle: there is a budget. */
    size_t budget = first;
    while (!arms[w->trail[budget]].train.budget.of)
        budget++;
    const tfx_budget *b = &arms[w->trail[budget]].train.budget;
    tfx_fail_at(w->err, b->file, b->line, "%s: [arm %s]", tfx_budget_key(b), arms[at].name);
    for (size_t i = first; i < w->n_trail; i++) {
        size_t next = i + 1 < w->n_trail ? w->trail[i + 1] : at;
        tfx_error_append(w->err, "%s %s [arm %s]", i > first ? ", which" : "", reason(w, i, next), arms[next].name);
    }
    return w->err->status;
}

static tfx_status place(walk *w, size_t at)
{
    const tfx_experiment *e = w->e;
    const tfx_arm *arm = &e->arms[at];
    const tfx_budget *b = &arm->train.budget;
    int found = 0;
    if (w->state[at] == 2)
        return TFX_OK;
    if (w->state[at] == 1)
        return fail_needed(w, at);
    w->state[at] = 1;
    w->trail[w->n_trail++] = at;
    if (arm->start.arm)
        place(w, (size_t)(arm->start.arm - e->arms));
    for (size_t i = 0; i < e->n_arms && b->of && w->err->status == TFX_OK; i++)
        if (tfx_arm_answers_to(&e->arms[i], b->of)) {
            found = 1;
            place(w, i);
        }
    const tfx_setting setting = {.key = tfx_budget_key(b), .file = b->file, .line = b->line};
    if (b->of && !found && w->err->status == TFX_OK)
        return tfx_ini_fail_unknown(w->ini, &setting, "arm", b->of, tfx_ini_find(w->ini, "arm", arm->name), w->err);
    w->n_trail--;
    w->state[at] = 2;
    w->e->planning[w->n++] = at;
    return w->err->status;
}

tfx_status tfx_arms_order_planning(tfx_experiment *e, const tfx_ini *ini, tfx_error *err)
{
    walk w = {.e = e, .ini = ini, .err = err};
    w.state = TFX_NEW_ARRAY(char, e->n_arms);
    w.trail = TFX_NEW_ARRAY(size_t, e->n_arms);
    e->planning = TFX_NEW_ARRAY(size_t, e->n_arms);
    for (size_t i = 0; i < e->n_arms && err->status == TFX_OK; i++)
        place(&w, i);
    free(w.state);
    free(w.trail);
    return err->status;
}
