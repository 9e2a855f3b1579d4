/* What a custom op says of its results, and whether its kernel and its gradient are those of what it means in core ops. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/gradient.h"
#include "framework/conformance/op_case.h"
#include "framework/conformance/trial.h"
#include "framework/graph/autodiff.h"
#include "framework/plugin/calls/op_calls.h"

/* ---- infer ---- */

/* The shape of `lower` against that of infer. */
static void check_lower(tfx_subject *s, tfx_bench *b, const tfx_op_case *c, const char *what)
{
    tfx_value x[TFX_CASE_OPERANDS];
    char found[TFX_SHAPE_TEXT], expected[TFX_SHAPE_TEXT];
    tfx_bench_clear(b, 0, 0);
    tfx_say_doing(s, "`lower` of %s", what);
    tfx_value y = tfx_op_case_build(s->impl, c, b, 0, 0, x);
    const tfx_graph_value *v = &b->g.values[y];
    if (!y)
        tfx_say_fail(s, "`infer` accepts %s, but `lower` fails: %s", what, b->err->text);
    else if (v->dtype != TFX_F32 || v->n_dims != c->n_dims || memcmp(v->dims, c->dims, c->n_dims * sizeof(*c->dims)))
        tfx_say_fail(s, "of %s `infer` says %s, and `lower` makes %s of %s", what,
                     tfx_format_shape(expected, c->n_dims, c->dims), tfx_format_shape(found, v->n_dims, v->dims),
                     tfx_dtype_name(v->dtype));
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
        else if (tfx_op_case_infer(cls, &again, &second) != status || memcmp(&c.dims, &again.dims, sizeof(c.dims)))
            tfx_say_fail(s, "`infer` of %s says something else the second time", what);
        else if (status == TFX_OK && tfx_shape_elements(c.n_dims, c.dims) < 1 << 20)
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

enum { GUARD = 64 }; /* numbers before and after a tensor */

/* Tensors of a case in host memory, each with a guard on both sides. */
typedef struct memory {
    const tfx_op_case *c;
    tfx_tensor out_info;
    const tfx_tensor *in_info[TFX_CASE_OPERANDS];
    float *room[TFX_CASE_OPERANDS + 1], *copy[TFX_CASE_OPERANDS + 1]; /* the last one is the result */
    uint64_t n[TFX_CASE_OPERANDS + 1];
} memory;

static float *aligned(uint64_t n)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, (n + 2 * GUARD) * sizeof(float)))
        abort();
    memset(p, 0xff, (n + 2 * GUARD) * sizeof(float)); /* a NaN, so that what reads it shows */
    return p;
}

static void memory_make(memory *m, const tfx_op_case *c, tfx_bench *b, const tfx_value *x)
{
    *m = (memory){.c = c};
    m->out_info = (tfx_tensor){.struct_size = sizeof(tfx_tensor), .dtype = TFX_F32, .n_dims = c->n_dims};
    memcpy(m->out_info.dims, c->dims, sizeof(c->dims));
    for (uint32_t i = 0; i <= c->n_in; i++) {
        const tfx_tensor *t = i < c->n_in ? &c->in[i] : &m->out_info;
        m->n[i] = tfx_shape_elements(t->n_dims, t->dims);
        m->room[i] = aligned(m->n[i]);
        m->copy[i] = aligned(m->n[i]);
        if (i == c->n_in) { /* and here what writes a NaN */
            memset(m->room[i], 0x5a, (m->n[i] + 2 * GUARD) * sizeof(float));
            memset(m->copy[i], 0x5a, (m->n[i] + 2 * GUARD) * sizeof(float));
            continue;
        }
        m->in_info[i] = t;
        memcpy(m->room[i] + GUARD, tfx_bench_data(b, tfx_bench_index(b, x[i])), m->n[i] * sizeof(float));
        memcpy(m->copy[i], m->room[i], (m->n[i] + 2 * GUARD) * sizeof(float));
    }
}

static void memory_free(memory *m)
{
    for (uint32_t i = 0; i <= m->c->n_in; i++) {
        free(m->room[i]);
        free(m->copy[i]);
    }
}

typedef struct share {
    const tfx_subject *s;
    const tfx_kernel *kernel;
    memory *m;
    uint32_t part, n_parts;
} share;

static void *compute_share(void *arg)
{
    const share *p = arg;
    const void *in[TFX_CASE_OPERANDS];
    for (uint32_t i = 0; i < p->m->c->n_in; i++)
        in[i] = p->m->room[i] + GUARD;
    const tfx_kernel_args args = {.struct_size = sizeof(args),
                                  .n_in = p->m->c->n_in,
                                  .in = in,
                                  .in_info = p->m->in_info,
                                  .out = p->m->room[p->m->c->n_in] + GUARD,
                                  .out_info = &p->m->out_info,
                                  .ints = p->m->c->ints,
                                  .reals = p->m->c->reals,
                                  .part = p->part,
                                  .n_parts = p->n_parts};
    tfx_call_kernel_run(p->s->impl, p->kernel, &args);
    return NULL;
}

/* All parts, one after the other (backwards) or at once; the result is NaN before. */
static void compute(const tfx_subject *s, const tfx_kernel *kernel, memory *m, uint32_t n_parts, int at_once)
{
    enum { MOST = 64 };
    pthread_t threads[MOST];
    share shares[MOST];
    uint32_t out = m->c->n_in;
    memset(m->room[out] + GUARD, 0xff, m->n[out] * sizeof(float));
    for (uint32_t k = 0; k < n_parts; k++) {
        uint32_t part = n_parts - 1 - k;
        shares[part] = (share){s, kernel, m, part, n_parts};
        if (!at_once || pthread_create(&threads[part], NULL, compute_share, &shares[part])) {
            compute_share(&shares[part]);
            threads[part] = 0;
        }
    }
    for (uint32_t k = 0; k < n_parts && at_once; k++)
        if (threads[k])
            pthread_join(threads[k], NULL);
}

/* What the kernel wrote that it must not; NULL: nothing. */
static const char *trespass(const memory *m)
{
    for (uint32_t i = 0; i <= m->c->n_in; i++) {
        const char *room = (const char *)m->room[i], *copy = (const char *)m->copy[i];
        size_t guard = GUARD * sizeof(float), inside = m->n[i] * sizeof(float);
        if (memcmp(room, copy, guard) || memcmp(room + guard + inside, copy + guard + inside, guard))
            return i < m->c->n_in ? "next to an operand" : "outside of its result";
        if (i < m->c->n_in && memcmp(room + guard, copy + guard, inside))
            return "into an operand";
    }
    return NULL;
}

/* f32 arithmetic in another order. */
#define KERNEL_TOLERANCE 1e-4

static void check_kernel(tfx_subject *s, tfx_bench *b, const tfx_op_case *c, const tfx_kernel *kernel, double *worst)
{
    tfx_value x[TFX_CASE_OPERANDS], y;
    char what[600];
    uint64_t n;
    memory m;
    tfx_op_case_text(c, what);
    tfx_say_doing(s, "the kernel on %s", what);
    tfx_bench_clear(b, 0, 0);
    y = tfx_op_case_build(s->impl, c, b, 0, 0, x);
    if (y)
        tfx_op_case_fill(c, b, x);
    float *expected = y ? tfx_bench_compute(b, &y, 1, &n) : NULL;
    if (!expected) {
        tfx_say_fail(s, "%s: %s", what, b->err->text);
        return;
    }
    memory_make(&m, c, b, x);
    compute(s, kernel, &m, 1, 0);
    const float *found = m.room[c->n_in] + GUARD;
    const char *wrong = trespass(&m);
    double scale = 1e-3, off = 0;
    uint64_t at = 0;
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
    if (wrong)
        tfx_say_fail(s, "on %s the kernel writes %s", what, wrong);
    else if (!(off <= KERNEL_TOLERANCE))
        tfx_say_fail(s, "on %s element %llu of the kernel's result is %.7g; expected %.7g, as `lower` has it", what,
                     (unsigned long long)at, (double)found[at], (double)expected[at]);
    *worst = fmax(*worst, off);
    memory_free(&m);
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
    tfx_bench_open(&b, s->registry, NULL, 1, &err);
    for (uint32_t i = 0; kernel && i < n && !s->decided; i++)
        check_kernel(s, &b, &cases[i], kernel, &worst);
    tfx_bench_close(&b);
    const tfx_op_class *cls = s->impl;
    for (size_t i = 0; TFX_HAS(cls, kernels) && cls->kernels[i]; i++)
        if (strcmp(cls->kernels[i]->device, "cpu"))
            tfx_say_note(s, "it has a kernel for the device \"%s\", which is not checked", cls->kernels[i]->device);
    if (!kernel)
        tfx_say_ok(s, "it has none for the cpu: `lower` is all there is");
    tfx_say_ok(s, "agrees with `lower` (%u sizes, off by %.1e at most), and writes its result alone", n, worst);
}

void tfx_rule_op_parts(tfx_subject *s)
{
    static const uint32_t parts[] = {1, 2, 3, 7, 64};
    tfx_op_case cases[TFX_MOST_OP_CASES];
    uint32_t n = tfx_op_cases_find(s, cases);
    const tfx_kernel *kernel = tfx_op_kernel(s->impl, "cpu");
    tfx_bench b = {0};
    tfx_error err = {0};
    char what[600];
    tfx_bench_open(&b, s->registry, NULL, 1, &err);
    for (uint32_t i = 0; kernel && i < n && !s->decided; i++) {
        tfx_value x[TFX_CASE_OPERANDS];
        memory m;
        tfx_bench_clear(&b, 0, 0);
        if (!tfx_op_case_build(s->impl, &cases[i], &b, 0, 0, x))
            continue;
        tfx_op_case_fill(&cases[i], &b, x);
        memory_make(&m, &cases[i], &b, x);
        compute(s, kernel, &m, 1, 0);
        uint64_t count = m.n[cases[i].n_in];
        float *first = TFX_NEW_ARRAY(float, count);
        memcpy(first, m.room[cases[i].n_in] + GUARD, count * sizeof(float));
        tfx_op_case_text(&cases[i], what);
        for (int k = 0; k < 10 && !s->decided; k++) {
            uint32_t n_parts = parts[k % 5];
            tfx_say_doing(s, "%u parts of %s", n_parts, what);
            compute(s, kernel, &m, n_parts, k >= 5);
            uint64_t at = tfx_first_difference(first, m.room[cases[i].n_in] + GUARD, count);
            const char *wrong = trespass(&m);
            if (at < count)
                tfx_say_fail(s, "on %s, in %u parts%s, element %llu is %.9g; in one part it was %.9g", what, n_parts,
                             k >= 5 ? " at the same time" : "", (unsigned long long)at,
                             (double)m.room[cases[i].n_in][GUARD + at], (double)first[at]);
            else if (wrong)
                tfx_say_fail(s, "on %s, in %u parts, the kernel writes %s", what, n_parts, wrong);
        }
        free(first);
        memory_free(&m);
    }
    tfx_bench_close(&b);
    if (!kernel)
        tfx_say_ok(s, "it has no kernel for the cpu");
    tfx_say_ok(s, "1, 2, 3, 7 and 64 parts have the same bits, one after the other and at the same time");
}

/* ---- gradient ---- */

/* Whether the result depends on operand k by what it means in core ops. */
static int depends(tfx_subject *s, tfx_bench *b, const tfx_op_case *c, uint32_t k)
{
    tfx_value x[TFX_CASE_OPERANDS], grad = TFX_POISON;
    tfx_bench_clear(b, 1, 0);
    tfx_value y = tfx_op_case_build(s->impl, c, b, 0, 1, x);
    if (y)
        tfx_autodiff(&b->g, y, 1.0, &x[k], 1, &grad);
    *b->err = (tfx_error){0};
    return grad != TFX_POISON;
}

static void check_gradient(tfx_subject *s, tfx_bench *b, const tfx_op_case *c, uint32_t k, double *worst,
                           int *n_checked)
{
    const tfx_op_class *cls = s->impl;
    tfx_value x[TFX_CASE_OPERANDS];
    tfx_gradient_check r;
    char what[600];
    int kernel = tfx_op_kernel(cls, "cpu") && TFX_HAS(cls, vjp);
    tfx_op_case_text(c, what);
    tfx_say_doing(s, "the gradient of operand %u of %s", k, what);
    tfx_bench_clear(b, 1, 1);
    tfx_value y = tfx_op_case_build(cls, c, b, kernel, 1, x);
    if (y)
        tfx_op_case_fill(c, b, x);
    if (!y || tfx_gradient_compare(b, y, &x[k], 1, &r) != TFX_OK) {
        tfx_say_fail(s, "%s: %s", what, b->err->text);
        return;
    }
    ++*n_checked;
    if (r.without && depends(s, b, c, k))
        tfx_say_fail(s, "of %s `vjp` gives operand %u no gradient, which the result depends on", what, k);
    else if (!r.without && !(r.worst <= TFX_GRADIENT_TOLERANCE))
        tfx_say_fail(
            s,
            "of %s the gradient of operand %u is off by %.1e of its size: along a direction, expected %.6g by finite "
            "differences, found %.6g",
            what, k, r.worst, r.expected, r.found);
    else if (!r.without)
        *worst = fmax(*worst, r.worst);
}

void tfx_rule_op_gradient(tfx_subject *s)
{
    tfx_op_case cases[TFX_MOST_OP_CASES];
    uint32_t n = tfx_op_cases_find(s, cases);
    tfx_bench b = {0};
    tfx_error err = {0};
    double worst = 0;
    int n_checked = 0;
    tfx_bench_open(&b, s->registry, NULL, 1, &err);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < cases[i].n_in && !s->decided; k++)
            if (cases[i].in[k].dtype == TFX_F32)
                check_gradient(s, &b, &cases[i], k, &worst, &n_checked);
    tfx_bench_close(&b);
    tfx_say_ok(s, "agree with finite differences (%d operands, off by %.1e at most)", n_checked, worst);
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
        tfx_value x[TFX_CASE_OPERANDS];
        tfx_op_case_build(s->impl, &c, &b, 0, 0, x);
        const tfx_kernel *kernel = tfx_op_kernel(s->impl, "cpu");
        if (err->status == TFX_OK && kernel && tfx_shape_elements(c.n_dims, c.dims) < 1 << 16) {
            memory m;
            memory_make(&m, &c, &b, x);
            compute(s, kernel, &m, 1, 0);
            memory_free(&m);
        }
        free(b.image);
        tfx_graph_finish(&b.g);
        tfx_state_finish(&b.state);
        if (err->status != TFX_OK)
            break;
    }
    return err->status;
}
