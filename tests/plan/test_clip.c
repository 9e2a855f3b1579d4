/* Clipping, through the planned update on the real backend: gradients of every size that f32 has. */
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

typedef struct clip_bench {
    fixture f;
    stage_runner r;
    char *grads; /* an image of the state in which the gradients are set */
    double clip;
} clip_bench;

/* With micro-batches gradients are state tensors, so that a test can write what it wants. */
static void bench_open(clip_bench *l, double clip)
{
    char *text = tfx_printf("%s%s%s[arm a]\nmodel = tokenformer\ntrain.micro_batch = 1\ntrain.optimizer = sgd\n"
                            "train.optimizer.momentum = 0\ntrain.optimizer.weight_decay = 0\ntrain.clip = %g\n",
                            SPEC_HEAD, SPEC_TRAIN, SPEC_TOKENFORMER, clip);
    fixture_open(&l->f, text);
    runner_open(&l->r, &l->f.device, stage_plan(&l->f, "a", 0), 1);
    l->grads = tfx_alloc(l->r.plan->state.bytes);
    l->clip = clip;
    free(text);
}

static void bench_close(clip_bench *l)
{
    free(l->grads);
    runner_close(&l->r);
    fixture_close(&l->f);
}

static const tfx_state_tensor *grad_at(const clip_bench *l, uint32_t i)
{
    const tfx_state_tensor *t = &l->r.plan->state.tensors[i];
    return t->kind == TFX_STATE_SCRATCH ? t : NULL;
}

static float *values(const clip_bench *l, const tfx_state_tensor *grad)
{
    return (float *)(l->grads + grad->offset);
}

/* Random gradients of about the given norm. */
static void set_grads(clip_bench *l, double norm)
{
    dice d = {.seed = 5};
    double total = 0;
    for (uint32_t i = 0; i < l->r.plan->state.n; i++) {
        const tfx_state_tensor *t = grad_at(l, i);
        for (uint64_t k = 0; t && k < t->elements; k++) {
            values(l, t)[k] = (float)dice_range(&d, -1, 1);
            total += (double)values(l, t)[k] * (double)values(l, t)[k];
        }
    }
    for (uint32_t i = 0; i < l->r.plan->state.n; i++) {
        const tfx_state_tensor *t = grad_at(l, i);
        for (uint64_t k = 0; t && k < t->elements; k++)
            values(l, t)[k] = (float)((double)values(l, t)[k] * (norm / sqrt(total)));
    }
}

/* One update of parameters that are zero, at a learning rate of 1; returns the norm it reports. */
static float update(clip_bench *l)
{
    float one = 1, zero[4096] = {0}, norm;
    const tfx_state_layout *s = &l->r.plan->state;
    runner_write(&l->r, &s->tensors[l->r.plan->lr], &one);
    for (uint32_t i = 0; i < s->n; i++) {
        const tfx_state_tensor *t = grad_at(l, i);
        if (t) {
            ck_assert_uint_le(t->bytes, sizeof(zero));
            runner_write(&l->r, &s->tensors[t->owner], zero);
            runner_write(&l->r, t, values(l, t));
        }
    }
    runner_execute(&l->r, TFX_PROGRAM_UPDATE);
    runner_output(&l->r, l->r.plan->programs[TFX_PROGRAM_UPDATE].grad_norm, &norm, 1);
    return norm;
}

/* The norm that the update reports, and how far the parameters went, against double precision. */
static void check_update(clip_bench *l, const char *what)
{
    double norm = 0, worst = 0;
    float reported = update(l);
    for (uint32_t i = 0; i < l->r.plan->state.n; i++) {
        const tfx_state_tensor *t = grad_at(l, i);
        for (uint64_t k = 0; t && k < t->elements; k++)
            norm += (double)values(l, t)[k] * (double)values(l, t)[k];
    }
    norm = sqrt(norm);
    double factor = l->clip > 0 && norm > l->clip ? l->clip / norm : 1;
    ck_assert_msg(fabs((double)reported - norm) <= 1e-6 * norm, "%s: norm %.8g, expected %.8g", what, (double)reported,
                  norm);
    for (uint32_t i = 0; i < l->r.plan->state.n; i++) {
        const tfx_state_tensor *t = grad_at(l, i);
        float *moved = t ? runner_read(&l->r, &l->r.plan->state.tensors[t->owner]) : NULL;
        for (uint64_t k = 0; t && k < t->elements; k++) {
            double expected = -factor * (double)values(l, t)[k];
            worst = fmax(worst, fabs((double)moved[k] - expected) / (factor * norm));
            if (factor == 1) /* nothing is clipped: not a bit may change */
                ck_assert_msg(moved[k] == -values(l, t)[k], "%s: %s[%d] moved by %.9g, expected %.9g", what, t->name,
                              (int)k, (double)moved[k], expected);
        }
        free(moved);
    }
    ck_assert_msg(worst <= 1e-6, "%s: clip %g: an element is off by %.3g of the norm", what, l->clip, worst);
}

static const double clips[] = {1, 0, 1e3, 1e-3, 1e300};

START_TEST(norms_from_1e_minus_6_to_1e30)
{
    clip_bench l;
    bench_open(&l, clips[_i]);
    for (int decade = -6; decade <= 30; decade++)
        for (int k = 0; k < 2; k++) {
            char what[32];
            double norm = (k ? 4 : 1) * pow(10, decade);
            snprintf(what, sizeof(what), "norm %g", norm);
            set_grads(&l, norm);
            check_update(&l, what);
        }
    for (int power = 28; power <= 44; power++) { /* where the two sums take over from each other */
        set_grads(&l, ldexp(0.999, power));
        check_update(&l, "below a power of two");
        set_grads(&l, ldexp(1.001, power));
        check_update(&l, "above a power of two");
    }
    bench_close(&l);
}
END_TEST

/* One element makes up the norm, and the others are too small to count, but not to be moved. */
START_TEST(elements_of_very_different_size)
{
    static const double large[] = {1e-20, 1e-3, 1, 1e4, 1e12, 1e25, 1e30}, small[] = {0, 1e-30, 1e-12, 1e-3};
    clip_bench l;
    bench_open(&l, clips[_i]);
    for (size_t i = 0; i < sizeof(large) / sizeof(*large); i++)
        for (size_t k = 0; k < sizeof(small) / sizeof(*small); k++) {
            uint32_t at = tfx_state_find(&l.r.plan->state, "blocks.1.ffn.key/grad sum");
            set_grads(&l, small[k]);
            values(&l, grad_at(&l, at))[7] = (float)large[i];
            check_update(&l, "one large element");
        }
    bench_close(&l);
}
END_TEST

START_TEST(no_gradient)
{
    clip_bench l;
    bench_open(&l, clips[_i]);
    set_grads(&l, 0);
    ck_assert(update(&l) == 0);
    check_update(&l, "zero");
    bench_close(&l);
}
END_TEST

/* A limit below what f32 can hold stops all gradients, but is still a number. */
START_TEST(a_limit_of_nearly_nothing)
{
    clip_bench l;
    bench_open(&l, 1e-300);
    for (int norm = 0; norm < 2; norm++) {
        set_grads(&l, norm);
        update(&l);
        for (uint32_t i = 0; i < l.r.plan->state.n; i++) {
            const tfx_state_tensor *t = grad_at(&l, i);
            float *moved = t ? runner_read(&l.r, &l.r.plan->state.tensors[t->owner]) : NULL;
            for (uint64_t k = 0; t && k < t->elements; k++)
                ck_assert_msg(fabsf(moved[k]) <= 0x1p-126f, "norm %d: %s[%d] moved by %g", norm, t->name, (int)k,
                              (double)moved[k]);
            free(moved);
        }
    }
    bench_close(&l);
}
END_TEST

/* A norm that is not finite is how a run sees that it has diverged. */
START_TEST(a_gradient_that_is_not_finite)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
    clip_bench l;
    bench_open(&l, clips[_i]);
    for (int k = 0; k < 4; k++) {
        uint32_t at = tfx_state_find(&l.r.plan->state, "blocks.1.ffn.key/grad sum");
        set_grads(&l, 1);
        values(&l, grad_at(&l, at))[7] = bad[k];
        float norm = update(&l);
        ck_assert_msg(k == 0 ? isnan(norm) : isinf(norm), "%g gives a norm of %g", (double)bad[k], (double)norm);
    }
    bench_close(&l);
}
END_TEST

static Suite *suite(void)
{
    int n = (int)(sizeof(clips) / sizeof(*clips));
    Suite *s = suite_create("plan/clip");
    TCase *c = tcase_create("clip");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, norms_from_1e_minus_6_to_1e30, 0, n);
    tcase_add_loop_test(c, elements_of_very_different_size, 0, n);
    tcase_add_loop_test(c, no_gradient, 0, n);
    tcase_add_loop_test(c, a_gradient_that_is_not_finite, 0, n);
    tcase_add_test(c, a_limit_of_nearly_nothing);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
