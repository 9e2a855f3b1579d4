#include "framework/train/inference.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/plan/policy.h"
#include "framework/train/evaluate.h"

static tfx_stage_plan *plan_stage(const tfx_experiment *e, const tfx_arm *arm, tfx_scaling *policy, uint32_t stage,
                                  const tfx_registry *registry, const tfx_device *device, int64_t rows, int extends,
                                  tfx_error *err)
{
    tfx_stage declared;
    const tfx_model_spec *model = tfx_policy_stage(e, arm, policy, stage, &declared, err);
    tfx_stage_params p = {.registry = registry,
                          .device = device,
                          .model = model,
                          .train = &arm->train,
                          .eval_rows = rows,
                          .eval_only = 1,
                          .extends = extends};
    return model ? tfx_stage_plan_create(&p, err) : NULL;
}

/* Plans the stage that is asked for, or the last one whose shapes the weights have. */
static tfx_status choose_stage(tfx_inference *f, const tfx_experiment *e, const tfx_arm *arm,
                               const tfx_registry *registry, const tfx_device *device, int64_t stage, int64_t rows,
                               int extends, const char *weights, tfx_error *err)
{
    tfx_scaling *policy;
    uint32_t n;
    if (tfx_policy_open(arm, &policy, &n, err) != TFX_OK)
        return err->status;
    if (stage >= (int64_t)n) {
        tfx_fail(err, TFX_E_INVALID, "arm %s has %u stage%s, there is no stage %lld (they count from 0)", arm->name, n,
                 n == 1 ? "" : "s", (long long)stage);
    } else {
        tfx_error first = {0};
        for (uint32_t k = n; k-- > 0 && !f->plan && err->status == TFX_OK;) {
            if (stage >= 0 && k != stage)
                continue;
            tfx_error mismatch = {0};
            tfx_stage_plan *plan = plan_stage(e, arm, policy, k, registry, device, rows, extends, err);
            if (!plan)
                break;
            if (tfx_weights_check(weights, &plan->state, &mismatch) == TFX_OK) {
                f->plan = plan;
                f->stage = k;
            } else {
                tfx_error_prefix(&mismatch, "stage %u (model %s) of arm %s", k, plan->model->name, arm->name);
                tfx_fail(&first, mismatch.status, "%s", mismatch.text);
                tfx_stage_plan_destroy(plan);
            }
        }
        if (!f->plan)
            tfx_fail(err, first.status, "%s", first.text);
    }
    tfx_policy_close(arm, policy);
    return err->status;
}

tfx_status tfx_inference_open(tfx_inference *f, const tfx_experiment *e, const tfx_arm *arm,
                              const tfx_registry *registry, const tfx_device *device, int64_t stage, int64_t rows,
                              int extends, const char *weights, tfx_error *err)
{
    *f = (tfx_inference){0};
    if (choose_stage(f, e, arm, registry, device, stage, rows, extends, weights, err) != TFX_OK)
        return err->status;
    f->tokens = TFX_NEW_ARRAY(int32_t, f->plan->context);
    f->targets = TFX_NEW_ARRAY(int32_t, f->plan->context);
    f->engine = tfx_engine_create(device, f->plan, err);
    if (!f->engine || tfx_engine_initialise_fixed(f->engine, err) != TFX_OK)
        return err->status;
    tfx_state_io io = tfx_engine_io(f->engine);
    return tfx_weights_load(weights, &f->plan->state, &io, &f->n_missing, err);
}

void tfx_inference_close(tfx_inference *f)
{
    tfx_engine_destroy(f->engine);
    tfx_stage_plan_destroy(f->plan);
    free(f->tokens);
    free(f->targets);
    *f = (tfx_inference){0};
}

tfx_status tfx_inference_validate(tfx_inference *f, const tfx_experiment *e, const tfx_arm *arm, uint64_t *n_tokens,
                                  double *loss, double *bits_per_byte, tfx_error *err)
{
    tfx_evaluator v;
    tfx_progress progress;
    int stopped;
    tfx_progress_begin(&progress, -1, arm->name, &(tfx_run_progress){0});
    if (tfx_evaluator_open(&v, e, f->plan, err) == TFX_OK &&
        tfx_evaluate(&v, f->engine, NULL, &progress, &stopped, loss, err) == TFX_OK) {
        *n_tokens = (uint64_t)v.set.tokens;
        *bits_per_byte = tfx_bits_per_byte(*loss, v.bytes_per_token);
    }
    tfx_progress_end(&progress);
    tfx_evaluator_close(&v);
    return err->status;
}

void tfx_inference_set_window(tfx_inference *f, const int32_t *tokens, uint64_t n)
{
    uint64_t context = (uint64_t)f->plan->context;
    for (uint64_t i = 0; i < context; i++) {
        f->tokens[i] = i < n ? tokens[i] : 0;
        f->targets[i] = i + 1 < n ? tokens[i + 1] : -1;
    }
    tfx_engine_set_batch(f->engine, f->tokens, f->targets);
}

tfx_status tfx_inference_tokens(tfx_inference *f, const int32_t *tokens, uint64_t n, const char *logits_file,
                                double *loss, tfx_error *err)
{
    uint64_t context = (uint64_t)f->plan->context, vocab = (uint64_t)f->plan->model->vocab, counted = 0;
    float *row = TFX_NEW_ARRAY(float, vocab);
    double total = 0;
    tfx_st_writer *w = NULL;
    if (logits_file) {
        int64_t dims[2] = {(int64_t)n, (int64_t)vocab};
        w = tfx_st_writer_create();
        tfx_st_writer_declare(w, "logits", TFX_ST_F32, 2, dims);
        tfx_st_writer_begin(w, logits_file, err);
    }
    for (uint64_t at = 0; at < n && err->status == TFX_OK; at += context) {
        uint64_t here = n - at < context ? n - at : context;
        float sum;
        tfx_inference_set_window(f, tokens + at, here);
        if (tfx_engine_eval(f->engine, &sum, err) != TFX_OK)
            break;
        total += (double)sum;
        counted += here - 1;
        for (uint64_t i = 0; w && i < here && err->status == TFX_OK; i++) {
            tfx_engine_logits(f->engine, i * vocab, vocab, row);
            tfx_st_writer_write(w, row, vocab * sizeof(float), err);
        }
    }
    uint64_t bytes;
    if (w && err->status == TFX_OK)
        tfx_st_writer_finish(w, &bytes, NULL, err);
    tfx_st_writer_destroy(w);
    *loss = counted ? total / (double)counted : NAN;
    free(row);
    return err->status;
}

/* Logits kept to compare with: 4 M numbers. */
#define CAUSAL_VALUES ((uint64_t)4 << 20)

/* Whether other tokens from position `cut` on move the logits of the last positions before it, which they
 * must not by a single bit: nothing that is computed for those reads them. */
static tfx_status check_cut(tfx_inference *f, uint64_t cut, tfx_error *err)
{
    uint64_t context = (uint64_t)f->plan->context, vocab = (uint64_t)f->plan->model->vocab;
    uint64_t rows = CAUSAL_VALUES / vocab < 1 ? 1 : CAUSAL_VALUES / vocab < cut ? CAUSAL_VALUES / vocab : cut;
    uint64_t first = cut - rows, n = rows * vocab;
    float *logits[2] = {0}, sum;
    for (int k = 0; k < 2 && err->status == TFX_OK; k++) {
        for (uint64_t i = 0; i < context; i++) {
            uint64_t drawn = tfx_random_u64(0, tfx_random_stream("causal"), i);
            f->tokens[i] = (int32_t)((drawn + (k && i >= cut)) % vocab);
            f->targets[i] = -1;
        }
        logits[k] = TFX_NEW_ARRAY(float, n);
        tfx_engine_set_batch(f->engine, f->tokens, f->targets);
        if (tfx_engine_eval(f->engine, &sum, err) == TFX_OK)
            tfx_engine_logits(f->engine, first * vocab, n, logits[k]);
    }
    for (uint64_t i = 0; i < n && err->status == TFX_OK; i++) {
        double was = (double)logits[0][i], is = (double)logits[1][i];
        if (was != is && !(isnan(was) && isnan(is)))
            tfx_fail(err, TFX_E_UNSUPPORTED,
                     "model '%s' is not causal, so it cannot continue a text: other tokens "
                     "from position %llu on change a logit of position %llu from %.9g to %.9g; one of its layers looks "
                     "at later positions",
                     f->plan->model->name, (unsigned long long)cut, (unsigned long long)(first + i / vocab), was, is);
    }
    free(logits[0]);
    free(logits[1]);
    return err->status;
}

tfx_status tfx_inference_check_causal(tfx_inference *f, tfx_error *err)
{
    uint64_t context = (uint64_t)f->plan->context;
    /* In the middle, at an odd place, since a layer may look no further than to the end of a pair or of
     * eight; and at the very end. */
    if (context > 2)
        check_cut(f, (context / 2) | 1, err);
    if (context > 1 && err->status == TFX_OK)
        check_cut(f, context - 1, err);
    return err->status;
}
