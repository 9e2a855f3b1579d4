/* What an optimizer does with parameters: updates of every shape that are finite, and stay where the learning rate is 0;
 * the same bits on every run; and nothing remembered but what is in its states. */
#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/optimizer_case.h"
#include "framework/plugin/calls/optimizer_calls.h"

#define LR 0.01

/* The first number of parameters and states that is not finite; NULL: there is none. Heap. */
static char *find_not_finite(tfx_optimizer_case *c)
{
    for (uint32_t i = 0; i < c->bench.state.n; i++) {
        const tfx_state_tensor *t = &c->bench.state.tensors[i];
        if ((t->kind != TFX_STATE_PARAM && t->kind != TFX_STATE_OPTIMIZER) || t->dtype != TFX_F32)
            continue;
        const float *x = tfx_bench_data(&c->bench, i);
        uint64_t at = tfx_first_not_finite(x, t->elements);
        if (at < t->elements)
            return tfx_printf("%s of element %llu of %s", isnan(x[at]) ? "a NaN" : "an infinity",
                              (unsigned long long)at, t->name);
    }
    return NULL;
}

/* ---- update ---- */

static void check_finite(tfx_subject *s, const tfx_optimizer_setup *setup, tfx_case_gradient gradient, const char *what)
{
    tfx_optimizer_case c;
    tfx_say_doing(s, "%s", what);
    tfx_optimizer_case_open(&c, s, setup);
    for (uint64_t step = 0; step < 4 && c.err.status == TFX_OK && !s->decided; step++) {
        if (tfx_optimizer_case_step(&c, gradient, LR, step) != TFX_OK)
            break;
        char *bad = find_not_finite(&c);
        if (bad)
            tfx_say_fail(s, "%s: expected finite numbers after step %d, found %s", what, (int)step + 1, bad);
        free(bad);
    }
    if (c.err.status != TFX_OK)
        tfx_say_fail(s, "%s: %s", what, c.err.text);
    tfx_optimizer_case_close(&c);
}

/* Names are read again when states are saved. */
static void check_names(tfx_subject *s)
{
    tfx_error err = {0};
    tfx_state states[TFX_MAX_STATES];
    char *names[TFX_MAX_STATES];
    size_t n = 0;
    tfx_options *o = tfx_subject_options(s, &err);
    if (o)
        tfx_call_optimizer_states(s->impl, o, &tfx_hidden_matrix, states, &n, &err);
    for (size_t i = 0; i < n; i++)
        names[i] = tfx_strdup(states[i].name);
    tfx_scribble();
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], states[i].name))
            tfx_say_fail(s, "the name of state %d was \"%s\", and its memory has something else after the call", (int)i,
                         names[i]);
        free(names[i]);
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    tfx_options_destroy(o);
}

void tfx_rule_optimizer_update(tfx_subject *s)
{
    const tfx_optimizer_setup plain = {.threads = 1}, slices = {.threads = 1, .per_slice = 1};
    check_names(s);
    if (!s->decided)
        check_finite(s, &plain, TFX_GRADIENT_RANDOM, "random gradients");
    if (!s->decided)
        check_finite(s, &slices, TFX_GRADIENT_RANDOM, "a learning rate for each slice");
    if (!s->decided)
        check_finite(s, &plain, TFX_GRADIENT_ZERO, "gradients of zero");
    tfx_say_ok(s, "finite numbers for %d shapes, also with gradients of zero and a learning rate for each slice",
               TFX_CASE_PARAMS);
}

/* ---- freezing ---- */

/* The first parameter that is not what it was; NULL: none. `no_decay`: only those without weight decay count. */
static const char *find_moved(tfx_optimizer_case *c, const tfx_case_state *before, int no_decay)
{
    for (int i = 0; i < TFX_CASE_PARAMS; i++) {
        const tfx_state_tensor *t = &c->bench.state.tensors[c->param[i]];
        int decays = t->n_dims >= 2 && !(t->flags & TFX_PARAM_NO_DECAY);
        for (uint32_t k = 0; k < before->n && !(no_decay && decays); k++)
            if (!strcmp(before->names[k], t->name) &&
                memcmp(before->data[k], tfx_bench_data(&c->bench, c->param[i]), t->bytes))
                return t->name;
    }
    return NULL;
}

static void check_still(tfx_subject *s, tfx_case_gradient gradient, double lr, const char *what)
{
    const tfx_optimizer_setup plain = {.threads = 1};
    tfx_optimizer_case c;
    if (tfx_optimizer_case_open(&c, s, &plain) == TFX_OK) {
        tfx_case_state before = tfx_optimizer_case_save(&c);
        for (uint64_t step = 0; step < 3; step++)
            tfx_optimizer_case_step(&c, gradient, lr, step);
        const char *moved = find_moved(&c, &before, lr > 0);
        if (moved)
            tfx_say_fail(s, "%s: expected the parameter '%s' to stay what it is", what, moved);
        tfx_case_state_finish(&before);
    }
    tfx_optimizer_case_close(&c);
}

void tfx_rule_optimizer_freezing(tfx_subject *s)
{
    check_still(s, TFX_GRADIENT_RANDOM, 0, "a learning rate of 0, with which growth freezes slices");
    check_still(s, TFX_GRADIENT_ZERO, LR, "gradients of zero, and weight decay that does not apply (`decay` is 0)");
    tfx_say_ok(s, "parameters stay where the learning rate is 0, or the gradient is and there is no decay");
}

/* ---- determinism, resuming ---- */

/* After so many steps, from `from` unless that is NULL. */
static tfx_case_state train(tfx_subject *s, const tfx_optimizer_setup *setup, const tfx_case_state *from,
                            uint64_t first, uint64_t end, tfx_error *err)
{
    tfx_optimizer_case c;
    tfx_case_state out = {0};
    const char *lost = NULL;
    if (tfx_optimizer_case_open(&c, s, setup) == TFX_OK && from)
        lost = tfx_optimizer_case_load(&c, from);
    if (lost)
        tfx_fail(&c.err, TFX_E_INVALID, "when it is built again it does not keep '%s' any more, or in another shape",
                 lost);
    for (uint64_t step = first; step < end && c.err.status == TFX_OK; step++)
        tfx_optimizer_case_step(&c, TFX_GRADIENT_RANDOM, LR, step);
    if (c.err.status == TFX_OK)
        out = tfx_optimizer_case_save(&c);
    else
        tfx_fail(err, c.err.status, "%s", c.err.text);
    tfx_optimizer_case_close(&c);
    return out;
}

enum { STEPS = 6 };

void tfx_rule_optimizer_determinism(tfx_subject *s)
{
    static const tfx_optimizer_setup setups[] = {{1, 0, 0}, {1, 0, 0}, {1, 1, 0}, {2, 0, 0}, {3, 1, 0}};
    static const char *const words[] = {"", "a second run", "parameters in the opposite order", "2 threads",
                                        "3 threads"};
    tfx_error err = {0};
    tfx_case_state first = train(s, &setups[0], NULL, 0, STEPS, &err);
    for (int i = 1; i < 5 && err.status == TFX_OK && !s->decided; i++) {
        tfx_case_state other = train(s, &setups[i], NULL, 0, STEPS, &err);
        const char *differs = err.status == TFX_OK ? tfx_case_state_differs(&first, &other) : NULL;
        if (differs)
            tfx_say_fail(s, "%s: after %d steps, '%s' has other bits than in the first run", words[i], STEPS, differs);
        tfx_case_state_finish(&other);
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    tfx_case_state_finish(&first);
    tfx_say_ok(s, "the same bits after %d steps in 5 runs, on 1, 2 and 3 threads, in any order of parameters", STEPS);
}

void tfx_rule_optimizer_resuming(tfx_subject *s)
{
    const tfx_optimizer_setup plain = {.threads = 1};
    tfx_error err = {0};
    tfx_case_state whole = train(s, &plain, NULL, 0, STEPS, &err), half = train(s, &plain, NULL, 0, STEPS / 2, &err);
    tfx_case_state rest = err.status == TFX_OK ? train(s, &plain, &half, STEPS / 2, STEPS, &err) : (tfx_case_state){0};
    const char *differs = err.status == TFX_OK ? tfx_case_state_differs(&whole, &rest) : NULL;
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    else if (differs)
        tfx_say_fail(s, "after %d steps, states saved and restored, and %d more, '%s' differs from %d steps in one go",
                     STEPS / 2, STEPS / 2, differs, STEPS);
    tfx_case_state_finish(&whole);
    tfx_case_state_finish(&half);
    tfx_case_state_finish(&rest);
    tfx_say_ok(s, "%d steps are %d and %d with states saved and restored between them, to the bit", STEPS, STEPS / 2,
               STEPS / 2);
}

/* ---- descent ---- */

static double distance(tfx_optimizer_case *c)
{
    double sum = 0;
    for (int i = 0; i < TFX_CASE_PARAMS; i++) {
        const float *p = tfx_bench_data(&c->bench, c->param[i]);
        for (uint64_t k = 0; k < c->bench.state.tensors[c->param[i]].elements; k++)
            sum += ((double)p[k] - 1) * ((double)p[k] - 1);
    }
    return sum / 2;
}

/* Change of the quadratic by a few steps; an error leaves 0. */
static double descend(tfx_subject *s, double lr, tfx_error *err)
{
    const tfx_optimizer_setup plain = {.threads = 1};
    enum { DESCENT_STEPS = 10 };
    tfx_optimizer_case c;
    double before = 0, after = 0;
    if (tfx_optimizer_case_open(&c, s, &plain) == TFX_OK) {
        before = distance(&c);
        for (uint64_t step = 0; step < DESCENT_STEPS; step++)
            tfx_optimizer_case_step(&c, TFX_GRADIENT_QUADRATIC, lr, step);
        after = distance(&c);
    }
    if (c.err.status != TFX_OK)
        tfx_fail(err, c.err.status, "%s", c.err.text);
    tfx_optimizer_case_close(&c);
    return after - before;
}

/* One that goes up with every learning rate has its sign wrong. */
void tfx_rule_optimizer_descent(tfx_subject *s)
{
    static const double rates[] = {1e-2, 1e-3, 1e-4};
    tfx_error err = {0};
    int n_up = 0;
    double change = 0;
    for (int i = 0; i < 3 && err.status == TFX_OK; i++) {
        change = descend(s, rates[i], &err);
        n_up += !(change <= 0);
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    else if (n_up == 3)
        tfx_say_fail(
            s, "10 steps make a quadratic larger with learning rates of 0.01, 0.001 and 0.0001 (by %.3g with the last)",
            change);
    else if (n_up)
        tfx_say_note(s, "10 steps make a quadratic larger with %d of the learning rates 0.01, 0.001 and 0.0001", n_up);
    tfx_say_ok(s, "10 small steps lower a quadratic");
}
