/* What a layer computes: finite numbers, gradients that are those of its outputs, no look at later positions unless it
 * means to, and the same bits on every run and with any number of threads. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/gradient.h"
#include "framework/conformance/layer_case.h"
#include "framework/graph/autodiff.h"
#include "framework/model/initialise.h"

/* ---- values ---- */

static float *compute(tfx_layer_case *c, uint64_t *n)
{
    return tfx_bench_compute(&c->bench, &c->y, 1, n);
}

/* With the layer's own initialisation. */
static void initialise(tfx_layer_case *c)
{
    for (uint32_t i = 0; i < c->bench.state.n; i++) {
        const tfx_state_tensor *t = &c->bench.state.tensors[i];
        if (t->kind == TFX_STATE_PARAM)
            tfx_param_initialise(t, 1, 0, t->elements, tfx_bench_data(&c->bench, i));
    }
}

/* What it reports beside its output: losses and metrics. */
static void check_reports(tfx_subject *s, tfx_layer_case *c, const char *inputs)
{
    for (uint32_t i = 0; i < c->reports.n && !s->decided; i++) {
        uint64_t n;
        float *value = tfx_bench_compute(&c->bench, &c->reports.items[i].value, 1, &n);
        if (value && !isfinite(*value))
            tfx_say_fail(s, "%s, and its own initialisation: expected a finite %s, found %g", inputs,
                         c->reports.items[i].name, (double)*value);
        free(value);
    }
}

void tfx_rule_layer_values(tfx_subject *s)
{
    static const struct {
        const char *what;
        double size;
    } inputs[] = {{"an input of zeros", 0}, {"inputs from -1 to 1", 1}, {"inputs from -1000 to 1000", 1000}};
    tfx_layer_case c;
    uint64_t n;
    if (tfx_layer_case_open(&c, s, 1) == TFX_OK &&
        tfx_layer_case_build(&c, (tfx_layer_size){1, 1, 8, 8}, 0) == TFX_OK) {
        initialise(&c);
        if (c.tokens)
            tfx_bench_fill_tokens(&c.bench, tfx_bench_index(&c.bench, c.x), 1, TFX_CASE_VOCAB);
        else
            tfx_bench_fill(&c.bench, tfx_bench_index(&c.bench, c.x), 1, -1, 1);
        float *y = compute(&c, &n);
        if (y && tfx_first_not_finite(y, n) < n)
            tfx_say_fail(s, "a single position: expected finite outputs, found %g",
                         (double)y[tfx_first_not_finite(y, n)]);
        free(y);
    }
    if (c.config)
        tfx_layer_case_build(&c, TFX_PLAIN_SIZE, 0);
    for (int i = 0; i < 3 && c.err.status == TFX_OK && !s->decided; i++) {
        initialise(&c);
        uint32_t x = tfx_bench_index(&c.bench, c.x);
        if (c.tokens)
            tfx_bench_fill_tokens(&c.bench, x, 1, i ? TFX_CASE_VOCAB : 1);
        else
            tfx_bench_fill(&c.bench, x, 1, -inputs[i].size, inputs[i].size);
        float *y = compute(&c, &n);
        uint64_t bad = y ? tfx_first_not_finite(y, n) : n;
        if (bad < n && inputs[i].size > 1)
            tfx_say_note(s, "%s give %g at element %" PRIu64 " of its output", inputs[i].what, (double)y[bad], bad);
        else if (bad < n)
            tfx_say_fail(s, "%s, and its own initialisation: expected finite outputs, found %g at element %" PRIu64,
                         inputs[i].what, (double)y[bad], bad);
        free(y);
        if (!(inputs[i].size > 1))
            check_reports(s, &c, inputs[i].what);
    }
    if (c.err.status != TFX_OK)
        tfx_say_fail(s, "%s", c.err.text);
    else if (!s->decided)
        tfx_say_ok(s, "finite outputs%s, also for an input of zeros", c.reports.n ? ", losses and metrics" : "");
    tfx_layer_case_close(&c);
}

/* ---- gradients ---- */

/* Whether one of the losses that the layer adds depends on that param. */
static int serves_a_loss(tfx_layer_case *c, const char *param)
{
    int does = 0;
    for (uint32_t k = 0; k < c->bench.state.n; k++)
        for (uint32_t i = 0; i < c->reports.n && !strcmp(c->bench.state.tensors[k].name, param); i++) {
            tfx_value grad = TFX_POISON, wrt = c->bench.g.state_values[k];
            if (c->reports.items[i].is_loss)
                tfx_autodiff(&c->bench.g, c->reports.items[i].value, 1.0, &wrt, 1, &grad);
            does |= grad != TFX_POISON;
        }
    return does;
}

void tfx_rule_layer_gradients(tfx_subject *s)
{
    static const tfx_layer_size sizes[] = {{2, 6, 8, 8}, {3, 5, 16, 16}, {1, 4, 12, 12}};
    tfx_layer_case c;
    tfx_gradient_check r = {0};
    char at[100];
    int n_sizes = 0;
    double worst = 0;
    tfx_layer_case_open(&c, s, 1);
    for (size_t i = 0; i < 3 && !s->decided; i++) {
        tfx_value wrt[512];
        uint32_t n = 0;
        tfx_layer_size_text(&sizes[i], at);
        tfx_say_doing(s, "the backward pass at %s", at);
        if (tfx_layer_case_build(&c, sizes[i], 1) != TFX_OK)
            continue; /* a refusal: `shapes` has looked at that */
        tfx_layer_case_fill(&c, 11);
        for (uint32_t k = 0; k < c.bench.state.n && n < 512; k++)
            if (c.bench.state.tensors[k].kind == TFX_STATE_PARAM && !(c.bench.state.tensors[k].flags & TFX_PARAM_FIXED))
                wrt[n++] = c.bench.g.state_values[k];
        if (!n) {
            tfx_say_skip(s, "nothing in it is trained");
            break;
        }
        tfx_status status = tfx_gradient_compare(&c.bench, c.y, wrt, n, &r);
        if (status != TFX_OK)
            tfx_say_fail(s, "at %s: %s", at, c.err.text);
        else if (r.without && r.without[0] == '/')
            tfx_say_fail(s, "at %s its output does not depend on its input, so that nothing below it would be trained",
                         at);
        else if (r.without && serves_a_loss(&c, r.without))
            n_sizes++; /* trained by that alone */
        else if (r.without)
            tfx_say_fail(s, "at %s its output does not depend on the param %s: a model with it cannot be trained", at,
                         r.without);
        else if (!(r.worst <= TFX_GRADIENT_TOLERANCE) && tfx_stops_gradients(&c.bench.g))
            tfx_say_note(s, "at %s the gradient of %s is another than that of the values, as `stop_gradient` asks for",
                         at, r.tensor[0] == '/' ? "the input" : r.tensor);
        else if (!(r.worst <= TFX_GRADIENT_TOLERANCE))
            tfx_say_fail(
                s,
                "at %s the gradient of %s is off by %.1e of its size: along a direction, expected %.6g by finite "
                "differences, found %.6g",
                at, r.tensor[0] == '/' ? "the input" : r.tensor, r.worst, r.expected, r.found);
        n_sizes++;
        worst = fmax(worst, r.worst);
    }
    if (!s->decided && n_sizes)
        tfx_say_ok(s, "agree with finite differences (%d size%s, off by %.1e at most)", n_sizes,
                   n_sizes == 1 ? "" : "s", worst);
    else if (!s->decided)
        tfx_say_skip(s, "it takes none of the sizes that this is tried at");
    tfx_layer_case_close(&c);
}

/* ---- causality ---- */

static int has_word(const char *text, const char *word)
{
    for (const char *p = text; (p = strstr(p, word)); p++)
        if ((p == text || !isalpha((unsigned char)p[-1])) && !isalpha((unsigned char)p[strlen(word)]))
            return p < text + 4 || (strncmp(p - 4, "non-", 4) && strncmp(p - 4, "not ", 4));
    return 0;
}

/* Changes the input of batch row 0 at one position. */
static void disturb(tfx_layer_case *c, const tfx_layer_size *z, int64_t t)
{
    void *data = tfx_bench_data(&c->bench, tfx_bench_index(&c->bench, c->x));
    if (c->tokens)
        ((int32_t *)data)[t] = (((int32_t *)data)[t] + 5) % TFX_CASE_VOCAB;
    for (int64_t i = 0; !c->tokens && i < z->width; i++)
        ((float *)data)[t * z->width + i] += 0.75f - 0.25f * (float)(i % 3);
}

/* What was found of a later position's influence on an earlier one, and of a row's on another one. */
typedef struct influence {
    int64_t from, to; /* -1: none */
    int rows;
} influence;

static void find_influence(tfx_layer_case *c, const tfx_layer_size *z, int64_t every, influence *found)
{
    uint64_t n;
    if (tfx_layer_case_build(c, *z, 0) != TFX_OK)
        return;
    for (int64_t k = 1; k < z->time && c->err.status == TFX_OK; k += every) {
        int64_t t = k + every < z->time ? k : z->time - 1; /* the last one, too */
        tfx_layer_case_fill(c, 5);
        float *before = compute(c, &n);
        disturb(c, z, t);
        float *after = before ? compute(c, &n) : NULL;
        if (after) {
            uint64_t row = (uint64_t)(z->time * z->out), at = tfx_first_difference(before, after, row);
            if (at < (uint64_t)(t * z->out) && found->from < 0) {
                found->from = t;
                found->to = (int64_t)at / z->out;
            }
            found->rows |= tfx_first_difference(before + row, after + row, n - row) < n - row;
        }
        free(before);
        free(after);
    }
}

/* With the settings as they are. `with`: what is set otherwise, for messages. Whether it looks at no later position. */
static int check_causality(tfx_subject *s, const char *with)
{
    static const tfx_layer_size small = {2, 9, 8, 8}, long_one = {2, 70, 8, 8};
    tfx_layer_case c;
    influence found = {-1, -1, 0};
    if (tfx_layer_case_open(&c, s, 1) == TFX_OK) {
        find_influence(&c, &small, 1, &found);
        tfx_error err = c.err;
        find_influence(&c, &long_one, 6, &found);
        c.err = err; /* so long a one may be refused */
    }
    int claims = has_word(s->info.summary, "causal") || has_word(s->info.name, "causal");
    if (c.err.status != TFX_OK && !*with)
        tfx_say_fail(s, "%s", c.err.text);
    else if (found.from >= 0 && claims && !*with)
        tfx_say_fail(s,
                     "it calls itself causal, but its output at position %" PRId64
                     " changes with the input at position %" PRId64,
                     found.to, found.from);
    else if (found.from >= 0)
        tfx_say_note(s,
                     "%sits output at position %" PRId64 " changes with the input at position %" PRId64
                     ": text cannot be generated with it",
                     with, found.to, found.from);
    if (found.rows)
        tfx_say_note(s, "%swhat it computes for a row of a batch depends on the other rows", with);
    tfx_layer_case_close(&c);
    return found.from < 0;
}

/* With every word and truth that its options can be, one at a time; what is refused is left out. */
void tfx_rule_layer_causality(tfx_subject *s)
{
    static const char *const truths[] = {"true", "false", NULL};
    int causal = check_causality(s, "");
    for (size_t i = 0; i < s->info.n_options && !s->decided; i++) {
        const tfx_option *o = tfx_option_at(s->info.options, i);
        const char *const *values = o->type == TFX_OPT_BOOL ? truths : o->type == TFX_OPT_CHOICE ? o->choices : NULL;
        size_t n = s->n_settings;
        for (size_t k = 0; k < n; k++)
            values = strcmp(s->settings[k].key, o->name) ? values : NULL; /* the user has chosen */
        for (; values && *values && o->def; values++) {
            if (!strcmp(*values, o->def))
                continue;
            char *with = tfx_printf("with %s = %s, ", o->name, *values);
            tfx_subject_set(s, o->name, *values);
            tfx_say_doing(s, "%s", with);
            causal &= check_causality(s, with);
            free(with);
        }
        if (s->n_settings > n)
            tfx_subject_set(s, o->name, o->def);
    }
    if (causal)
        tfx_say_ok(s, "no output changes with a later input");
}

/* ---- determinism ---- */

/* Its output and the gradient of what can have one, one after the other. */
static float *compute_all(tfx_layer_case *c, uint64_t *n)
{
    tfx_value wrt[512], grads[513] = {0};
    uint32_t n_wrt = 0, n_out = 1;
    for (uint32_t k = 0; k < c->bench.state.n && n_wrt < 512; k++)
        if (c->bench.state.tensors[k].kind == TFX_STATE_PARAM)
            wrt[n_wrt++] = c->bench.g.state_values[k];
    tfx_autodiff(&c->bench.g, c->y, 1.0, wrt, n_wrt, grads + 1);
    grads[0] = c->y;
    for (uint32_t k = 1; k <= n_wrt; k++)
        if (grads[k])
            grads[n_out++] = grads[k];
    return tfx_bench_compute(&c->bench, grads, n_out, n);
}

void tfx_rule_layer_determinism(tfx_subject *s)
{
    static const int threads[] = {1, 1, 2, 2, 3};
    float *first = NULL;
    for (size_t i = 0; i < sizeof(threads) / sizeof(*threads) && !s->decided; i++) {
        tfx_layer_case c;
        uint64_t n = 0;
        tfx_say_doing(s, "run %zu, on %d thread%s", i + 1, threads[i], threads[i] == 1 ? "" : "s");
        tfx_layer_case_open(&c, s, threads[i]);
        if (tfx_layer_case_build(&c, (tfx_layer_size){4, 16, 32, 32}, 1) != TFX_OK)
            tfx_layer_case_build(&c, TFX_PLAIN_SIZE, 1);
        float *y = NULL;
        if (c.err.status == TFX_OK) {
            tfx_layer_case_fill(&c, 9);
            y = compute_all(&c, &n);
        }
        uint64_t at = y && first ? tfx_first_difference(first, y, n) : n;
        if (!y)
            tfx_say_fail(s, "%s", c.err.text);
        else if (at < n)
            tfx_say_fail(s,
                         "on %d thread%s, in run %zu: number %" PRIu64
                         " of output and gradients is %.9g; in the first run, on one thread, it was %.9g",
                         threads[i], threads[i] == 1 ? "" : "s", i + 1, at, (double)y[at], (double)first[at]);
        if (first)
            free(y);
        else
            first = y;
        tfx_layer_case_close(&c);
    }
    free(first);
    if (!s->decided)
        tfx_say_ok(s, "output and gradients have the same bits in 5 runs, on 1, 2 and 3 threads");
}
