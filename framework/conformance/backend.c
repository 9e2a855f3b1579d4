/* What a backend does with memory and programs: the same results fused and not, with any number of threads, as the built-in
 * one, and gradients that are those of its own forward pass. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/gradient.h"
#include "framework/conformance/trial.h"
#include "framework/graph/autodiff.h"
#include "framework/model/build.h"
#include "framework/plugin/calls/backend_calls.h"

/* ---- device ---- */

enum { BYTES = 5000 };

static void check_buffers(tfx_subject *s, tfx_backend *b, tfx_error *err)
{
    const tfx_backend_class *cls = s->impl;
    tfx_buffer *first = NULL, *second = NULL;
    unsigned char found[BYTES], expected[BYTES] = {0}, part[100];
    if (tfx_call_backend_buffer_create(cls, b, BYTES, &first, err) == TFX_OK &&
        tfx_call_backend_buffer_create(cls, b, BYTES, &second, err) == TFX_OK) {
        tfx_call_backend_download(cls, b, first, 0, found, BYTES);
        if (memcmp(found, expected, BYTES))
            tfx_say_fail(s, "a new buffer is not filled with zeros");
        for (int i = 0; i < 100; i++)
            expected[1001 + i] = part[i] = (unsigned char)(i * 7 + 3);
        tfx_call_backend_upload(cls, b, first, 1001, part, sizeof(part));
        tfx_call_backend_download(cls, b, first, 0, found, BYTES);
        if (memcmp(found, expected, BYTES))
            tfx_say_fail(s, "after an upload of 100 bytes at 1001, a buffer of %d holds something else", BYTES);
        tfx_call_backend_download(cls, b, first, 1050, found, 20);
        if (memcmp(found, expected + 1050, 20))
            tfx_say_fail(s, "a download of 20 bytes at 1050 gives others");
        memset(expected, 0, BYTES);
        tfx_call_backend_download(cls, b, second, 0, found, BYTES);
        if (memcmp(found, expected, BYTES))
            tfx_say_fail(s, "an upload to one buffer changes another one");
    }
    tfx_call_backend_buffer_destroy(cls, b, second);
    tfx_call_backend_buffer_destroy(cls, b, first);
}

/* More than any machine has. */
static void check_too_much(tfx_subject *s, tfx_backend *b)
{
    tfx_error why = {0};
    tfx_buffer *huge = NULL;
    tfx_say_doing(s, "a buffer of 2^60 bytes");
    if (tfx_call_backend_buffer_create(s->impl, b, UINT64_C(1) << 60, &huge, &why) == TFX_OK)
        tfx_say_fail(s, "a buffer of 2^60 bytes: expected TFX_E_MEMORY; found none");
    else if (why.status != TFX_E_MEMORY || !tfx_error_is_refusal(&why))
        tfx_say_fail(s, "a buffer of 2^60 bytes: expected TFX_E_MEMORY (%d) with a message; found %d: %s", TFX_E_MEMORY,
                     (int)why.status, why.text);
    tfx_call_backend_buffer_destroy(s->impl, b, huge);
}

void tfx_rule_backend_device(tfx_subject *s)
{
    const tfx_backend_class *cls = s->impl;
    tfx_error err = {0};
    tfx_backend *b = NULL;
    tfx_options *o = tfx_subject_options(s, &err);
    const char *words = "";
    if (o && tfx_call_backend_open(cls, o, &b, &err) == TFX_OK) {
        words = tfx_call_backend_describe(cls, b);
        if (tfx_call_backend_memory(cls, b) < 1 << 20)
            tfx_say_fail(s, "its memory is %" PRIu64 " bytes", tfx_call_backend_memory(cls, b));
        else if (!(tfx_call_backend_measure_flops(cls, b, 0) > 0))
            tfx_say_fail(s, "`measure_flops` gives no positive number");
        check_buffers(s, b, &err);
        check_too_much(s, b);
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    tfx_say_ok(s, "%s", words);
    tfx_call_backend_close(cls, b);
    tfx_options_destroy(o);
}

/* ---- programs ---- */

/* A transformer's block with a head on top, from built-in layers. */
static tfx_value build_network(tfx_bench *b, const char *mixer, tfx_value *loss)
{
    tfx_setting settings[] = {{.key = "mixer.heads", .value = "2", .file = "made-up"},
                              {.key = "ffn", .value = mixer, .file = "made-up"},
                              {.key = "ffn.slots", .value = "6", .file = "made-up"}};
    size_t n_settings = strcmp(mixer, "mlp") ? 3 : 2;
    const tfx_model sizes = {.n_blocks = 1, .dim = 12, .context = 7, .vocab = 11};
    tfx_layer_config *config = tfx_layer_config_create(b->registry, "block_prenorm", settings, n_settings, b->err);
    tfx_value y = TFX_POISON;
    if (config) {
        tfx_value x = tfx_bench_tensor(b, TFX_STATE_PARAM, "x", TFX_F32, 3, (const int64_t[]){3, 7, 12});
        tfx_value w = tfx_bench_tensor(b, TFX_STATE_PARAM, "head", TFX_F32, 2, (const int64_t[]){11, 12});
        tfx_value targets = tfx_bench_tensor(b, TFX_STATE_INPUT, "/targets", TFX_I32, 2, (const int64_t[]){3, 7});
        y = tfx_layer_build(&sizes, config, &b->g, "block", x, 12);
        *loss = tfx_emit_cross_entropy(&b->g, tfx_emit_matmul(&b->g, y, w, TFX_TRANS_B, 1, TFX_POISON), targets);
        if (b->err->status == TFX_OK) {
            tfx_bench_fill_params(b, 13);
            tfx_bench_fill(b, tfx_bench_index(b, x), 13, -1, 1);
            tfx_bench_fill_tokens(b, tfx_bench_index(b, targets), 13, 11);
        }
    }
    tfx_layer_config_destroy(config);
    return y;
}

/* Output, losses and all gradients of one of the networks, on the heap. */
static float *run_network(const tfx_subject *s, const tfx_backend_class *cls, const char *mixer, int threads, int fuse,
                          uint64_t *n, tfx_error *err)
{
    tfx_bench b;
    tfx_bench_program p = {0};
    float *all = NULL;
    tfx_value loss = TFX_POISON;
    if (tfx_bench_open(&b, s->registry, cls, threads, err) == TFX_OK) {
        tfx_bench_clear(&b, 1, 0);
        tfx_value wrt[64], out[66] = {build_network(&b, mixer, &loss)};
        uint32_t n_wrt = 0, n_out = 2;
        out[1] = loss;
        for (uint32_t i = 0; i < b.state.n && n_wrt < 64; i++)
            if (b.state.tensors[i].kind == TFX_STATE_PARAM && !(b.state.tensors[i].flags & TFX_PARAM_FIXED))
                wrt[n_wrt++] = tfx_emit_state(&b.g, i);
        tfx_value grads[64] = {0};
        tfx_autodiff(&b.g, loss, 1.0, wrt, n_wrt, grads);
        for (uint32_t i = 0; i < n_wrt; i++)
            if (grads[i])
                out[n_out++] = grads[i];
        *n = 0;
        if (err->status == TFX_OK && tfx_bench_compile(&b, &p, out, n_out, fuse) == TFX_OK &&
            tfx_bench_execute(&b, &p) == TFX_OK && tfx_bench_execute(&b, &p) == TFX_OK) {
            for (uint32_t i = 0; i < n_out; i++)
                *n += tfx_bench_count(&p, i);
            all = TFX_NEW_ARRAY(float, *n);
            for (uint64_t i = 0, at = 0; i < n_out; at += tfx_bench_count(&p, (uint32_t)i), i++)
                tfx_bench_output(&b, &p, (uint32_t)i, all + at);
        }
        tfx_bench_program_finish(&b, &p);
    }
    tfx_bench_close(&b);
    return all;
}

static const char *const networks[] = {"mlp", "pattention"};

/* f32 arithmetic in another order. */
#define PROGRAM_TOLERANCE 1e-4

static double distance(const float *x, const float *y, uint64_t n)
{
    double off = 0, size = 0;
    for (uint64_t i = 0; i < n; i++) {
        double d = fabs((double)x[i] - (double)y[i]);
        off = d <= off ? off : d;
        size = fmax(size, fabs((double)y[i]));
    }
    return off / fmax(size, 1e-6);
}

void tfx_rule_backend_programs(tfx_subject *s)
{
    tfx_error err = {0}, unused = {0};
    const tfx_backend_class *own = s->impl, *other = tfx_registry_find(s->registry, TFX_KIND_BACKEND, "cpu", &unused);
    double worst = 0;
    for (int k = 0; k < 2 && err.status == TFX_OK && !s->decided; k++) {
        uint64_t n, n_other = 0;
        tfx_say_doing(s, "a block with %s", networks[k]);
        float *fused = run_network(s, own, networks[k], 0, 1, &n, &err);
        float *single = run_network(s, own, networks[k], 0, 0, &n, &err);
        float *others = other && other != own ? run_network(s, other, networks[k], 0, 1, &n_other, &err) : NULL;
        if (fused && tfx_first_not_finite(fused, n) < n)
            tfx_say_fail(s, "a block with %s: number %" PRIu64 " of outputs and gradients is not finite", networks[k],
                         tfx_first_not_finite(fused, n));
        double off = fused && single ? distance(fused, single, n) : 0;
        double off_other = fused && others ? distance(fused, others, n) : 0;
        if (!(off <= PROGRAM_TOLERANCE))
            tfx_say_fail(
                s, "a block with %s: fused steps give outputs and gradients that are off by %.1e from single ones",
                networks[k], off);
        else if (!(off_other <= PROGRAM_TOLERANCE))
            tfx_say_fail(s, "a block with %s: outputs and gradients are off by %.1e from those of the backend cpu",
                         networks[k], off_other);
        worst = fmax(worst, fmax(off, off_other));
        free(fused);
        free(single);
        free(others);
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    tfx_say_ok(s, "outputs and gradients of two networks agree, fused and not%s (off by %.1e at most)",
               other && other != own ? ", and with the backend cpu" : "", worst);
}

void tfx_rule_backend_gradients(tfx_subject *s)
{
    tfx_error err = {0};
    double worst = 0;
    for (int k = 0; k < 2 && err.status == TFX_OK && !s->decided; k++) {
        tfx_bench b;
        tfx_gradient_check r = {0};
        tfx_value loss = TFX_POISON, wrt[64];
        uint32_t n = 0;
        if (tfx_bench_open(&b, s->registry, s->impl, 0, &err) == TFX_OK) {
            tfx_bench_clear(&b, 1, 0);
            build_network(&b, networks[k], &loss);
            for (uint32_t i = 0; i < b.state.n && n < 64; i++)
                if (b.state.tensors[i].kind == TFX_STATE_PARAM && !(b.state.tensors[i].flags & TFX_PARAM_FIXED))
                    wrt[n++] = tfx_emit_state(&b.g, i);
            if (loss && tfx_gradient_compare(&b, loss, wrt, n, &r) == TFX_OK && !(r.worst <= TFX_GRADIENT_TOLERANCE))
                tfx_say_fail(
                    s,
                    "a block with %s: the gradient of %s is off by %.1e of its size: along a direction, expected "
                    "%.6g by finite differences, found %.6g",
                    networks[k], r.tensor, r.worst, r.expected, r.found);
            worst = fmax(worst, r.worst);
        }
        tfx_bench_close(&b);
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    tfx_say_ok(s, "agree with finite differences of its own forward passes (off by %.1e at most)", worst);
}

void tfx_rule_backend_determinism(tfx_subject *s)
{
    static const int threads[] = {1, 1, 2, 3};
    const tfx_backend_class *cls = s->impl;
    int has_threads = tfx_option_find(cls->options, cls->n_options, "threads") != NULL;
    tfx_error err = {0};
    float *first = NULL;
    for (int i = 0; i < (has_threads ? 4 : 2) && err.status == TFX_OK && !s->decided; i++) {
        uint64_t n = 0;
        float *y = run_network(s, cls, "mlp", has_threads ? threads[i] : 0, 1, &n, &err);
        uint64_t at = y && first ? tfx_first_difference(first, y, n) : n;
        if (at < n && threads[i] == 1)
            tfx_say_fail(s, "the second run gives other bits at number %" PRIu64, at);
        else if (at < n)
            tfx_say_note(s, "%d threads give other bits than one", threads[i]);
        if (first)
            free(y);
        else
            first = y;
    }
    free(first);
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    tfx_say_ok(s, "the same bits in every run%s", has_threads ? " with the same number of threads" : "");
}

/* A program of one addition. */
static void run_small(tfx_bench *b)
{
    const int64_t dims[2] = {3, 5};
    tfx_bench_program p = {0};
    tfx_graph_init(&b->g, &b->state, b->err);
    tfx_value x = tfx_bench_tensor(b, TFX_STATE_INPUT, "x", TFX_F32, 2, dims),
              y = tfx_emit_binary(&b->g, TFX_OP_ADD, x, x);
    tfx_bench_fill(b, tfx_bench_index(b, x), 1, -1, 1);
    if (tfx_bench_compile(b, &p, &y, 1, 1) == TFX_OK && tfx_bench_execute(b, &p) == TFX_OK)
        for (uint32_t i = 0; i < p.placement->program.n_steps; i++) {
            double *seconds = TFX_NEW_ARRAY(double, p.placement->program.n_steps);
            tfx_call_backend_profile(b->cls, p.exec, seconds);
            if (!(seconds[i] >= 0) || !isfinite(seconds[i]))
                tfx_fail(b->err, TFX_E_INTERNAL, "`profile` gives %g seconds", seconds[i]);
            free(seconds);
        }
    tfx_bench_program_finish(b, &p);
}

tfx_status tfx_trial_backend(const tfx_subject *s, const tfx_options *o, tfx_error *err)
{
    tfx_bench b = {.registry = s->registry, .cls = s->impl, .err = err};
    if (tfx_call_backend_open(b.cls, o, &b.backend, err) == TFX_OK)
        run_small(&b);
    tfx_bench_close(&b);
    return err->status;
}
