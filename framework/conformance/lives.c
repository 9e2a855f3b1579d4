/* Lives: that a class leaves nothing behind, and gets over memory that it is refused. */
#include <string.h>

#include "framework/base/clock.h"
#include "framework/base/memory.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/got.h"
#include "framework/conformance/trial.h"
#include "framework/conformance/usage.h"
#include "framework/plugin/calls/loader_calls.h"
#include "framework/plugin/calls/scaling_calls.h"
#include "framework/plugin/calls/tokenizer_calls.h"

/* ---- leaks ---- */

/* Where every life takes long, as that of a backend with threads, there are fewer of them. */
enum { MOST_LIVES = 256, LEAST_LIVES = 8 };
#define SECONDS 2.0

/* What is done once, for good. */
enum { WARM_UP = 4 };

static tfx_status live(const tfx_subject *s, int n, int *done, tfx_error *err)
{
    double until = tfx_now() + SECONDS;
    for (*done = 0; *done < n && err->status == TFX_OK; ++*done)
        if (*done >= LEAST_LIVES && tfx_now() > until)
            break;
        else
            tfx_trial(s, NULL, NULL, err);
    return err->status;
}

/* Destroying nothing is allowed. */
static void destroy_nothing(const tfx_subject *s)
{
    if (!strcmp(s->kind, TFX_KIND_LOADER))
        tfx_call_loader_close_nothing(s->impl);
    else if (!strcmp(s->kind, TFX_KIND_SCALING))
        tfx_call_scaling_destroy_nothing(s->impl);
    else if (!strcmp(s->kind, TFX_KIND_TOKENIZER))
        tfx_call_tokenizer_close(s->impl, NULL);
}

void tfx_rule_leaks(tfx_subject *s)
{
    tfx_error err = {0};
    int n = 0;
    tfx_got_intercept(s->impl);
    tfx_say_doing(s, "destroying NULL, which is allowed");
    destroy_nothing(s);
    tfx_say_doing(s, "its life, again and again");
    live(s, WARM_UP, &n, &err);
    char *left = NULL;
    for (int round = 0; round < 2 && err.status == TFX_OK && (left || !round); round++) {
        tfx_usage before = tfx_usage_now();
        live(s, MOST_LIVES, &n, &err);
        tfx_usage after = tfx_usage_now();
        free(
            left); /* what is left of one round alone was left once: by the threads of a library that start, for example */
        left = tfx_usage_left(&before, &after, (size_t)n);
    }
    if (err.status != TFX_OK && n > 0)
        tfx_say_fail(s, "life %d in one process is not as the first: %s", n, err.text);
    else if (err.status != TFX_OK)
        tfx_say_skip(s, "it has no life to repeat: %s", err.text);
    else if (left)
        tfx_say_fail(s, "%s are left after %d lives from creation to destruction", left, n);
    else
        tfx_say_ok(s, "nothing is left after %d lives", n);
    free(left);
}

int tfx_trial_leaks(const tfx_subject *s)
{
    tfx_error err = {0};
    int n;
    tfx_usage before = tfx_usage_now();
    live(s, LEAST_LIVES * 2, &n, &err);
    tfx_usage after = tfx_usage_now();
    char *left = tfx_usage_left(&before, &after, (size_t)n);
    free(left);
    return left != NULL;
}

/* ---- allocation ---- */

enum { MOST_FAILURES = 64, REPEATS = 16 };

/* Lives of which each fails at call `at`; returns the function that is called there, NULL: there is none. *left: what is left
 * of them; heap. */
static const char *fail_at(tfx_subject *s, unsigned at, char **left)
{
    tfx_usage before = {0}, after;
    const char *function = NULL;
    for (int i = 0; i < REPEATS && !s->decided; i++) {
        tfx_error err = {0};
        if (i == 1)
            before = tfx_usage_now();
        tfx_say_doing(s, "its call %u for memory fails", at);
        tfx_got_fail(at);
        tfx_trial(s, NULL, NULL, &err);
        function = tfx_got_failed();
        tfx_got_fail(0);
        if (!function)
            return NULL;
        if (err.status != TFX_OK && !tfx_error_is_refusal(&err))
            tfx_say_fail(s, "when its call %u for memory fails (%s), expected an error with a message; found: %s", at,
                         function, err.text);
    }
    after = tfx_usage_now();
    free(*left);
    *left = tfx_usage_left(&before, &after, REPEATS - 1);
    return function;
}

void tfx_rule_allocation(tfx_subject *s)
{
    tfx_error err = {0};
    unsigned n = 0, places = tfx_got_intercept(s->impl);
    double until = tfx_now() + 2 * SECONDS;
    tfx_got_fail(0);
    if (tfx_trial(s, NULL, NULL, &err) != TFX_OK) {
        tfx_say_skip(s, "it has no life in which memory could fail: %s", err.text);
        return;
    }
    int leaks = tfx_trial_leaks(s);
    const char *function = "";
    for (unsigned at = 1; places && function && at <= MOST_FAILURES && tfx_now() < until && !s->decided; at++) {
        char *left = NULL;
        function = fail_at(s, at, &left);
        if (left) /* again: see leaks */
            fail_at(s, at, &left);
        if (left && !leaks)
            tfx_say_fail(s, "when its call %u for memory fails (%s), %s are left of %d lives", at, function, left,
                         REPEATS - 1);
        free(left);
        n += function != NULL;
    }
    if (!n)
        tfx_say_ok(s, "it takes no memory by itself");
    else
        tfx_say_ok(s, "each of %u calls for memory may fail", n);
}
