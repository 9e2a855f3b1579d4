/* What a custom op says of its results, and whether its kernel and its gradient are those of what it means in core ops. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/got.h"
#include "framework/conformance/gradient.h"
#include "framework/conformance/op_case.h"
#include "framework/conformance/op_memory.h"
#include "framework/conformance/trial.h"
#include "framework/graph/autodiff.h"
#include "framework/plugin/calls/op_calls.h"

/* ---- infer ---- */

/* The shapes of `lower` against those of infer. */
static void check_lower(tfx_subject *s, tfx_bench *b, const tfx_op_case *c, const char *what)
{
    tfx_value x[TFX_CASE_OPERANDS], y[TFX_MAX_OP_RESULTS];
    char found[TFX_SHAPE_TEXT], expected[TFX_SHAPE_TEXT];
    tfx_bench_clear(b, 0, 0);
    tfx_say_doing(s, "`lower` of %s", what);
    if (!tfx_op_case_build(s->impl, c, b, 0, 0, x, y))
        tfx_say_fail(s, "`infer` accepts %s, but `lower` fails: %s", what, b->err->text);
    for (uint32_t k = 0; k < c->n_out && !s->decided; k++) {
        const tfx_graph_value *v = &b->g.values[y[k]];
        const tfx_tensor *t = &c->out[k];
        if (v->dtype != TFX_F32 || v->n_dims != t->n_dims || memcmp(v->dims, t->dims, t->n_dims * sizeof(*t->dims)))
            tfx_say_fail(s, "of %s `infer` says %s, and `lower` makes %s of %s", what,
                         tfx_format_shape(expected, t->n_dims, t->dims), tfx_format_shape(found, v->n_dims, v->dims),
                         tfx_dtype_name(v->dtype));
    }
    *b->err = (tfx_error){0};
}

void tfx_rule_op_infer(tfx_subject *s)
{
    const tfx_op_class *cls = s->impl;
    tfx_bench b = {0};
    tfx_error err = {0};
    char what[600];
    uint32_t n_tried = 0, n_taken = 0;
    tfx_op_case c, again;
    tfx_bench_open(&b, s->registry, NULL, 1, &err);
    for (; err.status == TFX_OK && !s->decided && tfx_op_case_try(s, n_tried, &c); n_tried++) {
        tfx_error why = {0}, second = {0};
        again = c;
        tfx_op_case_text(&c, what);
        tfx_say_doing(s, "`infer` of %s", what);
        tfx_status status = tfx_op_case_infer(cls, &c, &why);
        if (status != TFX_OK && !tfx_error_is_refusal(&why))
            tfx_say_fail(s, "`infer` of %s: %s", what, why.text);
        else if (tfx_op_case_infer(cls, &again, &second) != status || memcmp(&c.out, &again.out, sizeof(c.out)))
            tfx_say_fail(s, "`infer` of %s says something else the second time", what);
        else if (status == TFX_OK && tfx_op_case_flops(cls, &c, &why) != TFX_OK)
            tfx_say_fail(s, "%s: %s", what, why.text);
        else if (status == TFX_OK && tfx_op_case_elements(&c) < 1 << 20)
            check_lower(s, &b, &c, what);
        n_taken += status == TFX_OK;
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    else if (!n_taken)
        tfx_say_skip(
            s,
            "it takes none of %u combinations of operands and attributes; give some with --set in=2x6x8,8 --set "
            "ints=1 --set reals=0.5",
            n_tried);
    tfx_say_ok(s, "%u of %u combinations of operands and attributes are taken, the others refused; `lower` agrees",
               n_taken, n_tried);
    tfx_bench_close(&b);
}

/* ---- kernel ---- */

/* f32 arithmetic in another order. */
#define KERNEL_TOLERANCE 1e-4

/* Result k against what it is in core ops: 1, or 0 with what is wrong said. */
static int check_result(tfx_subject *s, const char *what, const tfx_op_memory *m, uint32_t k, const float *expected,
                        double *worst)
{
    const float *found = tfx_op_memory_result(m, k);
    double scale = 1e-3, off = 0;
    uint64_t at = 0, n = m->out[k].bytes / sizeof(float);
    char which[40] = "";
    if (m->c->n_out > 1)
        snprintf(which, sizeof(which), " %u", k);
    for (uint64_t i = 0; i < n; i++)
        scale = isfinite(expected[i]) ? fmax(scale, fabs((double)expected[i])) : scale;
    for (uint64_t i = 0; i < n; i++) {
        double d = fabs((double)found[i] - (double)expected[i]) / scale;
        if (!isfinite(expected[i]))
            d = isnan(expected[i]) == isnan(found[i]) && isinf(expected[i]) == isinf(found[i]) ? 0 : INFINITY;
        if (!(d <= off)) {
            off = d;
            at = i;
        }
    }
    *worst = fmax(*worst, off);
    if (!(off <= KERNEL_TOLERANCE))
        tfx_say_fail(s, "on %s element %llu of the kernel's result%s is %.7g; expected %.7g, as `lower` has it", what,
                     (unsigned long long)at, which, (double)found[at], (double)expected[at]);
    return off <= KERNEL_TOLERANCE;
}

/* Whether all is finite, so that another order of operations is another rounding and no more. */
static int is_tame(const float *x, uint64_t n)
{
    return tfx_first_not_finite(x, n) == n;
}

/* With operands of that size. */
static void check_kernel(tfx_subject *s, tfx_bench *b, const tfx_op_case *c, const tfx_kernel *kernel, double size,
                         double *worst)
{
    tfx_value x[TFX_CASE_OPERANDS], y[TFX_MAX_OP_RESULTS];
    char what[640];
    uint64_t n;
    tfx_op_memory m = {0};
    tfx_error err = {0};
    tfx_op_case_text(c, what);
    if (size > 1)
        snprintf(what + strlen(what), 40, ", up to %g", size);
    tfx_say_doing(s, "the kernel on %s", what);
    tfx_bench_clear(b, 0, 0);
    int built = tfx_op_case_build(s->impl, c, b, 0, 0, x, y);
    if (built)
        tfx_op_case_fill(c, b, x, size);
    float *expected = built ? tfx_bench_compute(b, y, c->n_out, &n) : NULL;
    if (!expected) {
        tfx_say_fail(s, "%s: %s", what, b->err->text);
        return;
    }
    if (tfx_op_memory_make(&m, s->impl, c, kernel, b, x, &err) != TFX_OK) {
        tfx_say_fail(s, "on %s: %s", what, err.text);
    } else if (size <= 1 || is_tame(expected, n)) {
        tfx_got_fail(1);
        tfx_op_memory_compute(&m, 1, 0);
        const char *wrong = tfx_op_memory_trespass(&m), *taken = tfx_got_failed();
        tfx_got_fail(0);
        if (wrong)
            tfx_say_fail(s, "on %s the kernel writes %s", what, wrong);
        if (taken)
            tfx_say_fail(s,
                         "on %s the kernel calls %s; expected it to take no memory but what `scratch` and "
                         "`part_scratch` ask for",
                         what, taken);
        const float *e = expected;
        for (uint32_t k = 0; k < c->n_out && !s->decided; e += m.out[k].bytes / sizeof(float), k++)
            if (!check_result(s, what, &m, k, e, worst))
                break;
    }
    tfx_op_memory_free(&m);
    free(expected);
}

void tfx_rule_op_kernel(tfx_subject *s)
{
    tfx_op_case cases[TFX_MOST_OP_CASES];
    uint32_t n = tfx_op_cases_find(s, cases);
    const tfx_kernel *kernel = tfx_op_kernel(s->impl, "cpu");
    tfx_bench b = {0};
    tfx_error err = {0};
    double worst = 0;
    static const char *const cpu = "cpu";
    tfx_bench_open(&b, s->registry, NULL, 1, &err);
    for (uint32_t i = 0; kernel && i < n && !s->decided; i++)
        for (int k = 0; k < 2 && !s->decided; k++)
            check_kernel(s, &b, &cases[i], kernel, k ? 100 : 1, &worst);
    tfx_bench_close(&b);
    const tfx_op_class *cls = s->impl;
    for (size_t i = 0; TFX_HAS(cls, kernels) && cls->kernels[i]; i++)
        if (strcmp(cls->kernels[i]->device, "cpu"))
            tfx_say_note(s, "it has a kernel for the device \"%s\", which is not checked%s", cls->kernels[i]->device,
                         tfx_nearest(cls->kernels[i]->device, &cpu, 1) ? "; did you mean \"cpu\"?" : "");
    if (!kernel)
        tfx_say_ok(s, "it has none for the cpu: `lower` is all there is");
    if (!n)
        tfx_say_skip(s, "it takes no operands of a kind that this makes up, f32 and i32");
    tfx_say_ok(s, "agrees with `lower` (%u sizes, off by %.1e at most), and writes its result alone", n, worst);
}

/* The k-th mask of results to try, from 0 on: all of them, or of many those with one, and all but one; 0: there are no more. */
static uint32_t mask_of(uint32_t n_out, uint32_t k)
{
    uint32_t all = (1u << n_out) - 1;
    if (n_out <= 4)
        return k < all ? k + 1 : 0;
    return k < n_out ? 1u << k : k < 2 * n_out ? all & ~(1u << (k - n_out)) : k == 2 * n_out ? all : 0;
}

/* All results that are asked for, against those of `first`, one after the other. */
static void check_same(tfx_subject *s, const tfx_op_memory *m, const float *first, const char *what, const char *how)
{
    const char *wrong = tfx_op_memory_trespass(m);
    for (uint32_t k = 0; k < m->c->n_out && !s->decided; first += m->out[k].bytes / sizeof(float), k++) {
        const float *found = tfx_op_memory_result(m, k);
        uint64_t n = m->left_out >> k & 1 ? 0 : m->out[k].bytes / sizeof(float);
        uint64_t at = tfx_first_difference(first, found, n);
        if (at < n)
            tfx_say_fail(s, "on %s, %s, element %llu%s is %.9g; in one part it was %.9g", what, how,
                         (unsigned long long)at, k ? " of another result" : "", (double)found[at], (double)first[at]);
    }
    if (wrong)
        tfx_say_fail(s, "on %s, %s, the kernel writes %s", what, how, wrong);
}

/* Parts that write what others write, too, race, even where they write the same. What one part alone leaves NaN it has not written;
 * of kernels with phases, parts cannot be alone. */
static void check_overlap(tfx_subject *s, tfx_op_memory *m, const float *first, const char *what)
{
    enum { PARTS = 3 };
    uint64_t n = tfx_op_case_elements(m->c);
    char *writer = TFX_NEW_ARRAY(char, n); /* 1 + the part; 0: none */
    for (uint32_t part = 0; part < PARTS && !s->decided; part++) {
        uint64_t at = 0;
        tfx_op_memory_compute_part(m, part, PARTS);
        for (uint32_t k = 0; k < m->c->n_out; k++)
            for (uint64_t i = 0; i < m->out[k].bytes / sizeof(float) && !s->decided; i++, at++) {
                int wrote = !isnan(tfx_op_memory_result(m, k)[i]) && !isnan(first[at]);
                if (wrote && writer[at])
                    tfx_say_fail(s, "on %s, parts %d and %u of %d both write element %llu; expected one of them", what,
                                 writer[at] - 1, part, PARTS, (unsigned long long)i);
                if (wrote)
                    writer[at] = (char)(1 + part);
            }
    }
    free(writer);
}

static void check_parts(tfx_subject *s, tfx_op_memory *m, const char *what)
{
    static const uint32_t parts[] = {1, 2, 3, 7, TFX_MOST_PARTS};
    uint32_t n_out = m->c->n_out;
    char how[80];
    float *first = TFX_NEW_ARRAY(float, tfx_op_case_elements(m->c)), *end = first;
    tfx_op_memory_compute(m, 1, 0);
    for (uint32_t k = 0; k < n_out; end += m->out[k].bytes / sizeof(float), k++)
        memcpy(end, tfx_op_memory_result(m, k), m->out[k].bytes);
    for (int k = 0; k < 10 && !s->decided; k++) {
        snprintf(how, sizeof(how), "in %u parts%s", parts[k % 5], k >= 5 ? " at the same time" : "");
        tfx_say_doing(s, "%s of %s", how, what);
        tfx_op_memory_compute(m, parts[k % 5], k >= 5);
        check_same(s, m, first, what, how);
    }
    if (!TFX_HAS(m->kernel, n_phases) && !s->decided)
        check_overlap(s, m, first, what);
    for (uint32_t k = 0, mask; n_out > 1 && !s->decided && (mask = mask_of(n_out, k)); k++) {
        m->left_out = ((1u << n_out) - 1) & ~mask;
        snprintf(how, sizeof(how), "when of its results only those of the mask %#x are asked for", mask);
        tfx_say_doing(s, "%s of %s", how, what);
        tfx_op_memory_compute(m, 2, 0);
        check_same(s, m, first, what, how);
    }
    free(first);
}

void tfx_rule_op_parts(tfx_subject *s)
{
    tfx_op_case cases[TFX_MOST_OP_CASES];
    uint32_t n = tfx_op_cases_find(s, cases);
    const tfx_op_class *cls = s->impl;
    const tfx_kernel *kernel = tfx_op_kernel(cls, "cpu");
    tfx_bench b = {0};
    tfx_error err = {0};
    char what[600];
    tfx_bench_open(&b, s->registry, NULL, 1, &err);
    for (uint32_t i = 0; kernel && i < n && !s->decided; i++) {
        tfx_value x[TFX_CASE_OPERANDS], y[TFX_MAX_OP_RESULTS];
        tfx_op_memory m;
        tfx_bench_clear(&b, 0, 0);
        if (!tfx_op_case_build(cls, &cases[i], &b, 0, 0, x, y))
            continue;
        tfx_op_case_fill(&cases[i], &b, x, 1);
        if (tfx_op_memory_make(&m, cls, &cases[i], kernel, &b, x, &err) == TFX_OK)
            check_parts(s, &m, tfx_op_case_text(&cases[i], what));
        else
            tfx_say_fail(s, "on %s: %s", tfx_op_case_text(&cases[i], what), err.text);
        tfx_op_memory_free(&m);
    }
    tfx_bench_close(&b);
    if (!kernel)
        tfx_say_ok(s, "it has no kernel for the cpu");
    tfx_say_ok(s, "1, 2, 3, 7 and 64 parts have the same bits, one after the other and at the same time%s",
               tfx_op_n_results(cls) > 1 ? "; so does each result without the others" : "");
}

/* ---- gradient ---- */

/* The results of a mask together, as one value; or the only one. */
static tfx_value joined(tfx_bench *b, const tfx_op_case *c, const tfx_value *y, uint32_t mask)
{
    tfx_value flat[TFX_MAX_OP_RESULTS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_out; i++)
        if (mask >> i & 1)
            flat[n++] = mask == 1u << i ? y[i] : tfx_emit_reshape(&b->g, y[i], 1, (int64_t[]){-1});
    return n == 1 ? flat[0] : tfx_emit_concat(&b->g, n, flat, 0);
}

/* Whether that depends on operand `operand` by what it means in core ops. */
static int depends(tfx_subject *s, tfx_bench *b, const tfx_op_case *c, uint32_t mask, uint32_t operand)
{
    tfx_value x[TFX_CASE_OPERANDS], y[TFX_MAX_OP_RESULTS], grad = TFX_POISON;
    tfx_bench_clear(b, 1, 0);
    if (tfx_op_case_build(s->impl, c, b, 0, 1, x, y))
        tfx_autodiff(&b->g, joined(b, c, y, mask), 1.0, &x[operand], 1, &grad);
    *b->err = (tfx_error){0};
    return grad != TFX_POISON;
}

typedef struct gradients {
    double worst;
    int n_checked, n_without; /* n_without: of ops that have no vjp, and mean something that has no derivative */
} gradients;

/* The gradient of an operand by `vjp` or, lowered, by autodiff; NULL: there is none. Heap. */
static float *gradient_of(tfx_subject *s, tfx_bench *b, const tfx_op_case *c, uint32_t mask, uint32_t operand,
                          int kernel, uint64_t *n)
{
    tfx_value x[TFX_CASE_OPERANDS], y[TFX_MAX_OP_RESULTS], grad = TFX_POISON;
    float *found = NULL;
    tfx_bench_clear(b, 1, kernel);
    if (tfx_op_case_build(s->impl, c, b, kernel, 1, x, y)) {
        tfx_op_case_fill(c, b, x, 1);
        tfx_value out = joined(b, c, y, mask);
        tfx_value w = tfx_bench_tensor(b, TFX_STATE_INPUT, "/weights", TFX_F32, b->g.values[out].n_dims,
                                       b->g.values[out].dims);
        tfx_bench_fill(b, tfx_bench_index(b, w), 3, -1, 1);
        tfx_autodiff(&b->g, tfx_emit_binary(&b->g, TFX_OP_MUL, out, w), 1.0, &x[operand], 1, &grad);
        found = grad ? tfx_bench_compute(b, &grad, 1, n) : NULL;
    }
    *b->err = (tfx_error){0};
    return found;
}

/* The largest magnitude, or `least`. (GCC 12 fails at fmax in such a loop, for aarch64.) */
static double largest(const float *x, uint64_t n, double least)
{
    for (uint64_t i = 0; i < n; i++)
        if (fabs((double)x[i]) > least)
            least = fabs((double)x[i]);
    return least;
}

/* `vjp` against what autodiff makes of `lower`, which is nearer than differences are. */
static void check_against_lower(tfx_subject *s, tfx_bench *b, const tfx_op_case *c, uint32_t mask, uint32_t operand,
                                const char *what)
{
    uint64_t n = 0, n_lowered = 0, at = 0;
    float *found = gradient_of(s, b, c, mask, operand, 1, &n),
          *lowered = gradient_of(s, b, c, mask, operand, 0, &n_lowered);
    double scale = found && lowered ? largest(lowered, n, 1e-2) : 1, off = 0;
    for (uint64_t i = 0; found && lowered && i < n; i++) {
        double d = fabs((double)found[i] - (double)lowered[i]) / scale;
        at = d > off ? i : at;
        off = d > off ? d : off;
    }
    if (off > 2 * KERNEL_TOLERANCE)
        tfx_say_fail(s,
                     "of %s element %llu of the gradient of operand %u is %.7g; expected %.7g, by autodiff of `lower`",
                     what, (unsigned long long)at, operand, (double)found[at], (double)lowered[at]);
    free(found);
    free(lowered);
}

/* Of the results of a mask. */
static void check_gradient(tfx_subject *s, tfx_bench *b, const tfx_op_case *c, uint32_t mask, uint32_t operand,
                           gradients *found)
{
    const tfx_op_class *cls = s->impl;
    tfx_value x[TFX_CASE_OPERANDS], y[TFX_MAX_OP_RESULTS];
    tfx_gradient_check r;
    char what[600], result[128] = "";
    int kernel = tfx_op_kernel(cls, "cpu") && tfx_op_has_vjp(cls);
    for (uint32_t k = 0; c->n_out > 1 && k < c->n_out; k++)
        if (mask >> k & 1)
            snprintf(result + strlen(result), sizeof(result) - strlen(result), "%s%u", *result ? " and " : "result ",
                     k);
    strcat(result, *result ? " of " : "");
    tfx_op_case_text(c, what);
    tfx_say_doing(s, "the gradient of operand %u of %s%s", operand, result, what);
    tfx_bench_clear(b, 1, 1);
    int built = tfx_op_case_build(cls, c, b, kernel, 1, x, y);
    if (built)
        tfx_op_case_fill(c, b, x, 1);
    if (!built || tfx_gradient_compare(b, joined(b, c, y, mask), &x[operand], 1, &r) != TFX_OK) {
        if (built && !tfx_op_has_vjp(cls) && strstr(b->err->text, "has no derivative"))
            found->n_without++;
        else
            tfx_say_fail(s, "%s%s: %s", result, what, b->err->text);
        *b->err = (tfx_error){0};
        return;
    }
    found->n_checked++;
    if (r.without && depends(s, b, c, mask, operand))
        tfx_say_fail(s, "of %s%s `vjp` gives operand %u no gradient, which the result depends on", result, what,
                     operand);
    else if (!r.without && !(r.worst <= TFX_GRADIENT_TOLERANCE) && tfx_stops_gradients(&b->g))
        tfx_say_note(
            s, "of %s%s the gradient of operand %u is another than that of the values, as `stop_gradient` asks for",
            result, what, operand);
    else if (!r.without && !(r.worst <= TFX_GRADIENT_TOLERANCE) && !depends(s, b, c, mask, operand))
        tfx_say_note(s, "of %s%s `vjp` gives operand %u a gradient, where what the op means has none", result, what,
                     operand);
    else if (!r.without && !(r.worst <= TFX_GRADIENT_TOLERANCE))
        tfx_say_fail(
            s,
            "of %s%s the gradient of operand %u is off by %.1e of its size: along a direction, expected %.6g by finite "
            "differences, found %.6g",
            result, what, operand, r.worst, r.expected, r.found);
    else if (!r.without)
        found->worst = fmax(found->worst, r.worst);
    if (kernel && !s->decided && !r.without)
        check_against_lower(s, b, c, mask, operand, what);
}

void tfx_rule_op_gradient(tfx_subject *s)
{
    tfx_op_case cases[TFX_MOST_OP_CASES];
    uint32_t n = tfx_op_cases_find(s, cases), n_out = tfx_op_n_results(s->impl);
    tfx_bench b = {0};
    tfx_error err = {0};
    gradients found = {0};
    tfx_bench_open(&b, s->registry, NULL, 1, &err);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0, mask; (mask = mask_of(n_out, k)); k++)
            for (uint32_t operand = 0; operand < cases[i].n_in && !s->decided; operand++)
                if (cases[i].in[operand].dtype == TFX_F32)
                    check_gradient(s, &b, &cases[i], mask, operand, &found);
    tfx_bench_close(&b);
    if (found.n_without && !found.n_checked)
        tfx_say_ok(s, "it has none: there is no `vjp`, and what `lower` uses has no derivative");
    tfx_say_ok(s, "agree with finite differences (%d operands, off by %.1e at most)", found.n_checked, found.worst);
}

tfx_status tfx_trial_op(const tfx_subject *s, tfx_error *err)
{
    tfx_op_case c;
    int n_taken = 0;
    for (uint32_t i = 0; n_taken < 4 && tfx_op_case_try(s, i, &c); i++) {
        tfx_error why = {0};
        if (tfx_op_case_infer(s->impl, &c, &why) != TFX_OK) {
            if (!tfx_error_is_refusal(&why))
                return tfx_fail(err, why.status, "%s", why.text);
            continue;
        }
        n_taken++;
        tfx_bench b = {.registry = s->registry, .err = err};
        tfx_graph_init(&b.g, &b.state, err);
        tfx_value x[TFX_CASE_OPERANDS], y[TFX_MAX_OP_RESULTS];
        tfx_op_case_build(s->impl, &c, &b, 0, 0, x, y);
        const tfx_kernel *kernel = tfx_op_kernel(s->impl, "cpu");
        if (err->status == TFX_OK && kernel && tfx_op_case_elements(&c) < 1 << 16) {
            tfx_op_memory m;
            if (tfx_op_memory_make(&m, s->impl, &c, kernel, &b, x, err) == TFX_OK)
                tfx_op_memory_compute(&m, 1, 0);
            tfx_op_memory_free(&m);
        }
        free(b.image);
        tfx_graph_finish(&b.g);
        tfx_state_finish(&b.state);
        if (err->status != TFX_OK)
            break;
    }
    return err->status;
}
