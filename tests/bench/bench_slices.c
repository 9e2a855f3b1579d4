/* What measuring slices costs: steps that measure against steps that do not, of TokenFormers that have grown, in turn, in
 * CPU seconds of all threads: on a shared machine steps of many seconds differ more than that by what else is going on.
 * Usage: bench_slices [PAIRS]. With measurements every 50 steps, (ratio - 1) / 50 of the time goes into them. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "framework/base/memory.h"
#include "framework/plan/arm.h"
#include "framework/train/slices.h"
#include "tests/bench/median.h"

enum { MOST_PAIRS = 99, EVERY = 50 };

static const struct subject {
    const char *name, *file, *sets[7];
    int pairs;
} subjects[] = {
    {"quickstart's tokenformer_large, 8 x 128 tokens", "quickstart.ini", {"train.slice_every=50"}, 15},
    {"12 blocks of 768, 864 slots and 3456, 1 x 1024 tokens",
     "scale_124m_to_1.4b.ini",
     {"train.slice_every=50", "train.batch=1", "train.micro_batch=1", "scaling.grow.policy.models=tokenformer_354m",
      "scaling.grow.policy.steps=2", "model.tokenformer_354m.blocks.mixer.{q,k,v,o}.slots=864",
      "model.tokenformer_354m.blocks.ffn.slots=3456"},
     5},
};
enum { N_SUBJECTS = sizeof(subjects) / sizeof(*subjects) };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double step(tfx_engine *e, const tfx_stage_plan *s, int measured, tfx_error *err)
{
    float loss, norm;
    uint32_t n;
    tfx_engine_measure(e, measured);
    tfx_engine_set_step(e, 1e-4, 1, 1);
    double started = cpu_seconds();
    tfx_engine_pass(e, &loss, err);
    tfx_engine_update(e, &norm, err);
    if (measured)
        free(tfx_slice_parts(e, s, &n));
    return cpu_seconds() - started;
}

static void time_pairs(const tfx_device *device, const tfx_stage_plan *s, const char *name, int pairs, tfx_error *err)
{
    double plain[MOST_PAIRS], measured[MOST_PAIRS], ratio[MOST_PAIRS];
    size_t n = (size_t)(s->micro_batch * s->context);
    int32_t *tokens = TFX_NEW_ARRAY(int32_t, n);
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int32_t)((i * 7919) % (size_t)s->model->vocab);
    tfx_engine *e = tfx_engine_create(device, s, err);
    if (e && tfx_engine_initialise(e, 1, err) == TFX_OK) {
        tfx_engine_set_batch(e, tokens, tokens);
        step(e, s, 0, err); /* warm-up */
        for (int i = 0; i < pairs && err->status == TFX_OK; i++) {
            int first = i % 2;
            double a = step(e, s, first, err), b = step(e, s, !first, err);
            plain[i] = first ? b : a;
            measured[i] = first ? a : b;
            ratio[i] = measured[i] / plain[i];
        }
        double r = median(ratio, pairs);
        printf(
            "%s, median of %d pairs\n%.4f CPU s, measured %.4f s; ratio %.4f (%.4f to %.4f): every %d steps %.3f%%\n\n",
            name, pairs, median(plain, pairs), median(measured, pairs), r, ratio[0], ratio[pairs - 1], EVERY,
            100 * (r - 1) / EVERY);
    }
    tfx_engine_destroy(e);
    free(tokens);
}

static void time_subject(const tfx_registry *registry, const struct subject *of, int pairs, tfx_error *err)
{
    const char *root = getenv("TFX_SOURCE_ROOT");
    char *path = tfx_printf("%s/experiments/%s", root ? root : ".", of->file);
    tfx_device device = {0};
    tfx_arm_plan *plan = NULL;
    size_t n_sets = 0;
    while (n_sets < sizeof(of->sets) / sizeof(*of->sets) && of->sets[n_sets])
        n_sets++;
    tfx_experiment *e = tfx_experiment_load(registry, path, NULL, of->sets, n_sets, err);
    if (e && tfx_device_open(&device, e, err) == TFX_OK)
        plan = tfx_arm_plan_create(e, tfx_experiment_arm(e, "tokenformer_grown", err), registry, &device, err);
    if (plan)
        time_pairs(&device, plan->stages[1], of->name, pairs ? pairs : of->pairs, err);
    tfx_arm_plan_destroy(plan);
    tfx_device_close(&device);
    tfx_experiment_destroy(e);
    free(path);
}

int main(int argc, char **argv)
{
    int pairs = argc > 1 ? atoi(argv[1]) : 0;
    tfx_error err = {0};
    tfx_registry *registry = tfx_registry_open("", &err);
    for (int i = 0; i < N_SUBJECTS && err.status == TFX_OK; i++)
        time_subject(registry, &subjects[i], pairs > MOST_PAIRS ? MOST_PAIRS : pairs, &err);
    tfx_registry_close(registry);
    if (err.status != TFX_OK)
        fprintf(stderr, "%s\n", err.text);
    return err.status != TFX_OK;
}
