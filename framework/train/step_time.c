#include "framework/train/step_time.h"

#include <math.h>

#include "framework/base/clock.h"
#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/train/engine.h"

/* Larger stages are not executed: a step takes half a second, and products are most of it. */
#define MOST_FLOPS 1e10
#define MOST_BYTES ((uint64_t)1 << 30)
/* After the first one, which finds cold caches; other programs can only make them slower, so that the fastest counts. */
#define STEPS 3
/* When so much time has gone, no other stage is executed. */
#define MOST_SECONDS 3.0

static tfx_status execute_step(tfx_engine *engine, const tfx_stage_plan *plan, tfx_error *err)
{
    float loss, norm;
    tfx_engine_set_step(engine, 0, 1, 0);
    for (int64_t i = 0; i < plan->n_micro && err->status == TFX_OK; i++)
        tfx_engine_pass(engine, &loss, err);
    if (err->status == TFX_OK)
        tfx_engine_update(engine, &norm, err);
    return err->status;
}

static double measure(const tfx_device *device, const tfx_stage_plan *plan, tfx_error *err)
{
    uint64_t n = (uint64_t)(plan->micro_batch * plan->context);
    double best = INFINITY;
    int32_t *tokens = TFX_NEW_ARRAY(int32_t, n);
    for (uint64_t i = 0; i < n; i++)
        tokens[i] = (int32_t)(tfx_random_u64(1, tfx_random_stream("step time"), i) % (uint64_t)plan->model->vocab);
    tfx_engine *engine = tfx_engine_create(device, plan, err);
    if (engine && tfx_engine_initialise(engine, 1, err) == TFX_OK) {
        tfx_engine_set_batch(engine, tokens, tokens);
        for (int i = 0; i <= STEPS && err->status == TFX_OK; i++) {
            double start = tfx_now();
            if (execute_step(engine, plan, err) == TFX_OK && i)
                best = fmin(best, tfx_now() - start);
        }
    }
    tfx_engine_destroy(engine);
    free(tokens);
    return err->status == TFX_OK ? best : 0;
}

/* Whether two stages execute the same programs. */
static int same_steps(const tfx_stage_plan *a, const tfx_stage_plan *b)
{
    return a->spec == b->spec && a->micro_batch == b->micro_batch && a->n_micro == b->n_micro &&
           a->executed_flops == b->executed_flops && a->arena_bytes == b->arena_bytes &&
           a->state.bytes == b->state.bytes;
}

static double find_same(const tfx_step_times *t, tfx_arm_plan *const *arms, size_t n_arms, const tfx_stage_plan *plan)
{
    for (size_t i = 0; i < n_arms; i++)
        for (uint32_t k = 0; k < arms[i]->n_stages; k++)
            if (t->seconds[i][k] > 0 && same_steps(arms[i]->stages[k], plan))
                return t->seconds[i][k];
    return 0;
}

tfx_status tfx_step_times_measure(tfx_step_times *t, const tfx_device *device, tfx_arm_plan *const *arms, size_t n_arms,
                                  tfx_error *err)
{
    double start = tfx_now();
    *t = (tfx_step_times){TFX_NEW_ARRAY(double *, n_arms), n_arms};
    for (size_t i = 0; i < n_arms; i++)
        t->seconds[i] = TFX_NEW_ARRAY(double, arms[i]->n_stages);
    for (size_t i = 0; i < n_arms && err->status == TFX_OK; i++)
        for (uint32_t k = 0; k < arms[i]->n_stages && err->status == TFX_OK; k++) {
            const tfx_stage_plan *plan = arms[i]->stages[k];
            double known = find_same(t, arms, n_arms, plan);
            if (known > 0)
                t->seconds[i][k] = known;
            else if (plan->steps > 0 && plan->executed_flops <= MOST_FLOPS &&
                     tfx_stage_peak_bytes(plan) <= MOST_BYTES && tfx_now() - start < MOST_SECONDS)
                t->seconds[i][k] = measure(device, plan, err);
        }
    return err->status;
}

void tfx_step_times_finish(tfx_step_times *t)
{
    for (size_t i = 0; i < t->n_arms; i++)
        free(t->seconds[i]);
    free(t->seconds);
    *t = (tfx_step_times){0};
}
