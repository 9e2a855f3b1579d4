#include "framework/train/evaluate.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/plan/data.h"
#include "framework/plugin/calls/loader_calls.h"

/* Probe logits kept in host memory: at most 64 MiB. */
#define PROBE_VALUES ((uint64_t)16 << 20)

tfx_status tfx_evaluator_open(tfx_evaluator *v, const tfx_experiment *e, const tfx_stage_plan *s, int64_t n_batches,
                              tfx_error *err)
{
    *v = (tfx_evaluator){.cls = e->loader.impl, .batch = s->micro_batch, .context = s->context, .n_batches = n_batches};
    tfx_loader_info info;
    if (tfx_data_open(e, TFX_SPLIT_VAL, v->batch, v->context, 0, &v->loader, &info, err) != TFX_OK)
        return err->status;
    v->bytes_per_token = info.bytes_per_token;
    v->vocab = info.vocab;
    v->tokens = TFX_NEW_ARRAY(int32_t, v->batch * v->context);
    v->targets = TFX_NEW_ARRAY(int32_t, v->batch * v->context);
    return TFX_OK;
}

void tfx_evaluator_close(tfx_evaluator *v)
{
    tfx_call_loader_close(v->cls, v->loader);
    free(v->tokens);
    free(v->targets);
    *v = (tfx_evaluator){0};
}

static tfx_status rewind_loader(tfx_evaluator *v, tfx_error *err)
{
    tfx_loader_position start = {.struct_size = sizeof(start)};
    return tfx_call_loader_seek(v->cls, v->loader, &start, "[data]", err);
}

static tfx_status next(tfx_evaluator *v, tfx_engine *engine, uint64_t index, float *sum, tfx_error *err)
{
    tfx_batch batch = {.rows = v->batch, .context = v->context, .vocab = v->vocab, .index = index, .inputs = v->tokens,
                       .targets = v->targets};
    if (tfx_call_loader_next_batch(v->cls, v->loader, &batch, "[data] validation", err) != TFX_OK)
        return err->status;
    tfx_engine_set_batch(engine, v->tokens, v->targets);
    return tfx_engine_eval(engine, sum, err);
}

tfx_status tfx_evaluate(tfx_evaluator *v, tfx_engine *engine, const volatile sig_atomic_t *stop, int *stopped,
                        double *loss, tfx_error *err)
{
    double total = 0;
    *stopped = 0;
    *loss = NAN;
    if (rewind_loader(v, err) != TFX_OK)
        return err->status;
    for (int64_t i = 0; i < v->n_batches; i++) {
        float sum;
        if (stop && *stop) {
            *stopped = 1;
            return TFX_OK;
        }
        if (next(v, engine, (uint64_t)i, &sum, err) != TFX_OK)
            return err->status;
        total += (double)sum;
    }
    *loss = total / ((double)v->n_batches * (double)v->batch * (double)v->context);
    return TFX_OK;
}

double tfx_bits_per_byte(double loss, double bytes_per_token)
{
    return bytes_per_token > 0 ? loss / (0.693147180559945309417 * bytes_per_token) : NAN;
}

static tfx_status probe_run(tfx_evaluator *v, tfx_engine *engine, double *loss, tfx_error *err)
{
    float sum;
    if (rewind_loader(v, err) != TFX_OK || next(v, engine, 0, &sum, err) != TFX_OK)
        return err->status;
    *loss = (double)sum / ((double)v->batch * (double)v->context);
    return TFX_OK;
}

tfx_status tfx_probe_take(tfx_probe *p, tfx_evaluator *v, tfx_engine *engine, const tfx_stage_plan *s, tfx_error *err)
{
    *p = (tfx_probe){0};
    if (probe_run(v, engine, &p->loss, err) != TFX_OK)
        return err->status;
    uint64_t vocab = (uint64_t)s->model->vocab, row = (uint64_t)v->context * vocab;
    uint64_t positions = PROBE_VALUES / vocab ? PROBE_VALUES / vocab : 1;
    p->n = positions * vocab < row ? positions * vocab : row;
    p->first = row - p->n;
    p->logits = malloc(p->n * sizeof(float));
    if (!p->logits)
        return tfx_fail(err, TFX_E_MEMORY, "probe: out of memory");
    tfx_engine_logits(engine, p->first, p->n, p->logits);
    return TFX_OK;
}

tfx_status tfx_probe_compare(const tfx_probe *before, tfx_evaluator *v, tfx_engine *engine, double *loss,
                             double *max_delta, tfx_error *err)
{
    float chunk[4096];
    double worst = 0;
    if (probe_run(v, engine, loss, err) != TFX_OK)
        return err->status;
    for (uint64_t at = 0; at < before->n; at += 4096) {
        size_t n = before->n - at < 4096 ? (size_t)(before->n - at) : 4096;
        tfx_engine_logits(engine, before->first + at, n, chunk);
        for (size_t i = 0; i < n; i++) {
            double d = fabs((double)chunk[i] - (double)before->logits[at + i]);
            if (isnan(d)) { /* nothing outweighs it */
                *max_delta = d;
                return TFX_OK;
            }
            worst = d > worst ? d : worst;
        }
    }
    *max_delta = worst;
    return TFX_OK;
}

void tfx_probe_finish(tfx_probe *p)
{
    free(p->logits);
    *p = (tfx_probe){0};
}
