/* The training step of GPT-2 124M at 1 x 1024 tokens, f32: tokens per second, GFLOP/s, and
 * where the time goes. Usage: bench_step [ARM [STEPS]], an arm of
 * experiments/scale_124m_to_1.4b.ini that does not grow, or "tokenformer". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/clock.h"
#include "framework/base/memory.h"
#include "framework/graph/ops.h"
#include "framework/plan/arm.h"
#include "framework/train/engine.h"

#define MAX_KINDS 64

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static const char *kind_of(const tfx_step *s)
{
    for (uint32_t i = 0; i < s->n_nodes; i++)
        if (tfx_op_info_of(s->nodes[i]->op)->pointwise)
            return "pointwise (fused)";
    return tfx_op_name(s->nodes[0]->op);
}

int main(int argc, char **argv)
{
    const char *arm_name = argc > 1 ? argv[1] : "transformer_124m", *root = getenv("TFX_SOURCE_ROOT");
    int steps = argc > 2 ? atoi(argv[2]) : 5;
    tfx_error err = {0};
    char path[4096];
    snprintf(path, sizeof(path), "%s/experiments/scale_124m_to_1.4b.ini", root ? root : ".");
    tfx_registry *registry = tfx_registry_open("", &err);
    const char *sets[] = {"train.batch=1", "train.micro_batch=1"};
    tfx_experiment *e = registry ? tfx_experiment_load(registry, path, NULL, sets, 2, &err) : NULL;
    tfx_device device = {0};
    if (!e || tfx_device_open(&device, e, &err) != TFX_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const tfx_arm *arm = tfx_experiment_arm(e, strcmp(arm_name, "tokenformer") ? arm_name : "tokenformer_124m", &err);
    tfx_stage_params p = {
        .registry = registry, .device = &device, .model = arm ? arm->model : NULL, .train = arm ? &arm->train : NULL};
    tfx_stage_plan *plan = arm ? tfx_stage_plan_create(&p, &err) : NULL;
    tfx_engine *engine = plan ? tfx_engine_create(&device, plan, &err) : NULL;
    if (!engine || tfx_engine_initialise(engine, 1, &err) != TFX_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    size_t n = (size_t)(plan->micro_batch * plan->context);
    int32_t *tokens = TFX_NEW_ARRAY(int32_t, n), *targets = TFX_NEW_ARRAY(int32_t, n);
    for (size_t i = 0; i < n; i++)
        tokens[i] = targets[i] = (int32_t)((i * 7919) % 50257);
    tfx_engine_set_batch(engine, tokens, targets);

    const tfx_program *program = &plan->programs[TFX_PROGRAM_STEP].placement->program;
    double *warm = TFX_NEW_ARRAY(double, program->n_steps), *total = TFX_NEW_ARRAY(double, program->n_steps);
    double seconds[1000], matrix = device.cls->measure_flops(device.backend);
    if (steps > 999)
        steps = 999;
    for (int i = 0; i <= steps; i++) {
        float loss, norm;
        tfx_engine_set_step(engine, 1e-4, 1, (uint32_t)i);
        double started = tfx_now();
        tfx_engine_pass(engine, &loss, &err);
        tfx_engine_update(engine, &norm, &err);
        if (i) /* the first is warm-up */
            seconds[i - 1] = tfx_now() - started;
        else
            tfx_engine_profile(engine, warm);
    }
    tfx_engine_profile(engine, total);
    qsort(seconds, (size_t)steps, sizeof(*seconds), ascending);
    double median = seconds[steps / 2];
    printf("%s, %s, 1 x %lld tokens, median of %d steps\n", arm_name, device.cls->describe(device.backend),
           (long long)plan->context, steps);
    printf("%.3f s per step (%.3f to %.3f), %.0f tokens/s, %.1f GFLOP/s; matrix products alone: %.1f GFLOP/s\n\n",
           median, seconds[0], seconds[steps - 1], (double)n / median, plan->executed_flops / median * 1e-9,
           matrix * 1e-9);

    const char *kinds[MAX_KINDS];
    double by_kind[MAX_KINDS] = {0}, all = 0;
    int n_kinds = 0;
    for (uint32_t i = 0; i < program->n_steps; i++) {
        const char *kind = kind_of(program->steps[i]);
        int k = 0;
        while (k < n_kinds && strcmp(kinds[k], kind))
            k++;
        if (k == n_kinds)
            kinds[n_kinds++] = kind;
        by_kind[k] += (total[i] - warm[i]) / steps;
        all += (total[i] - warm[i]) / steps;
    }
    for (int k = 0; k < n_kinds; k++)
        printf("%-22s %8.2f ms  %5.1f%%\n", kinds[k], by_kind[k] * 1e3, 100 * by_kind[k] / all);
    tfx_engine_destroy(engine);
    tfx_stage_plan_destroy(plan);
    tfx_device_close(&device);
    tfx_experiment_destroy(e);
    tfx_registry_close(registry);
    free(tokens);
    free(targets);
    free(warm);
    free(total);
    return 0;
}
