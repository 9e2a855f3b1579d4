#include "framework/train/evaluate.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "framework/base/clock.h"
#include "framework/base/hash.h"
#include "framework/base/memory.h"
#include "framework/plan/data.h"
#include "framework/plugin/calls/loader_calls.h"

/* Probe logits kept in host memory: at most 64 MiB. */
#define PROBE_VALUES ((uint64_t)16 << 20)

/* The loader is opened for single rows: what a batch of several holds could depend on how many they are. */
tfx_status tfx_evaluator_open(tfx_evaluator *v, const tfx_experiment *e, const tfx_stage_plan *s, tfx_error *err)
{
    tfx_loader_info info;
    *v = (tfx_evaluator){.cls = e->loader.impl, .batch = s->micro_batch, .context = s->context, .at = -1};
    if (tfx_data_open(e, TFX_SPLIT_VAL, 1, v->context, 0, &v->loader, &info, err) != TFX_OK)
        return err->status;
    v->bytes_per_token = info.bytes_per_token;
    v->vocab = info.vocab;
    if (tfx_validation_set_choose(&v->set, info.n_tokens, v->context, e->eval_tokens, err) != TFX_OK) {
        tfx_plugin_use_locate(&e->loader, err);
        return err->status;
    }
    v->tokens = TFX_NEW_ARRAY(int32_t, v->batch * v->context);
    v->targets = TFX_NEW_ARRAY(int32_t, v->batch * v->context);
    v->pieces = TFX_NEW_ARRAY(tfx_loader_position, v->set.pieces);
    v->pieces[0].struct_size = sizeof(v->pieces[0]); /* the first begins with the split */
    v->reached = 1;
    return TFX_OK;
}

void tfx_evaluator_close(tfx_evaluator *v)
{
    tfx_call_loader_close(v->cls, v->loader);
    free(v->tokens);
    free(v->targets);
    free(v->pieces);
    *v = (tfx_evaluator){0};
}

/* Puts the loader at the start of a piece that it has been at before. */
static tfx_status seek_piece(tfx_evaluator *v, int64_t piece, tfx_error *err)
{
    v->at = -1;
    if (tfx_call_loader_seek(v->cls, v->loader, &v->pieces[piece], "[data]", err) == TFX_OK)
        v->at = tfx_validation_set_window(&v->set, piece * v->set.piece_windows);
    return err->status;
}

/* The loader's next window becomes row `row` of the batch. */
static tfx_status read_row(tfx_evaluator *v, int64_t row, tfx_error *err)
{
    tfx_batch batch = {.rows = 1,
                       .context = v->context,
                       .vocab = v->vocab,
                       .index = (uint64_t)v->at,
                       .inputs = v->tokens + row * v->context,
                       .targets = v->targets + row * v->context};
    if (tfx_call_loader_next_batch(v->cls, v->loader, &batch, "[data] validation", err) == TFX_OK)
        v->at++;
    return err->status;
}

/* Row `row` becomes window `i` of the set. A loader can go to places that it has been at, and no others: on the
 * first pass it reads through what lies between the pieces. Leaves early, with another `at`, when asked to stop. */
static tfx_status read_window(tfx_evaluator *v, int64_t i, int64_t row, const volatile sig_atomic_t *stop,
                              tfx_error *err)
{
    int64_t piece = i / v->set.piece_windows, window = tfx_validation_set_window(&v->set, i);
    if (v->at != window && piece < v->reached && seek_piece(v, piece, err) != TFX_OK)
        return err->status;
    while (v->at < window && !(stop && *stop))
        if (read_row(v, row, err) != TFX_OK)
            return err->status;
    if (v->at != window)
        return TFX_OK;
    assert(piece <= v->reached); /* windows are read in their order */
    if (piece == v->reached) {
        if (tfx_call_loader_tell(v->cls, v->loader, &v->pieces[piece], "[data]", err) != TFX_OK)
            return err->status;
        v->reached++;
    }
    return read_row(v, row, err);
}

/* Makes the targets of row `row` from number `first` on count for nothing. */
static void mask(tfx_evaluator *v, int64_t row, int64_t first)
{
    for (int64_t t = first; t < v->context; t++)
        v->targets[row * v->context + t] = -1;
}

/* What is evaluated is known by the tokens themselves: the same ones give the same hash, however they are cut into
 * windows and wherever they are read from. */
static void add_to_hash(const tfx_evaluator *v, XXH3_state_t *state)
{
    for (int64_t i = 0; i < v->batch * v->context; i++)
        if (v->targets[i] >= 0)
            XXH3_128bits_update(state, &v->targets[i], sizeof(v->targets[i]));
}

/* Windows [first, first + batch) of the set; what is beyond its end counts for nothing. */
static tfx_status read_windows(tfx_evaluator *v, int64_t first, const volatile sig_atomic_t *stop, tfx_error *err)
{
    for (int64_t row = 0; row < v->batch && !(stop && *stop); row++) {
        int64_t i = first + row;
        if (i >= v->set.windows) {
            memset(v->tokens + row * v->context, 0, (size_t)v->context * sizeof(*v->tokens));
            mask(v, row, 0);
        } else if (read_window(v, i, row, stop, err) != TFX_OK) {
            return err->status;
        } else if (i + 1 == v->set.windows) {
            mask(v, row, v->set.tokens - i * v->context);
        }
    }
    return TFX_OK;
}

tfx_status tfx_evaluate(tfx_evaluator *v, tfx_engine *engine, const volatile sig_atomic_t *stop, tfx_progress *progress,
                        int *stopped, double *loss, tfx_error *err)
{
    double total = 0, started = tfx_now();
    XXH3_state_t *predicted = XXH3_createState();
    if (!predicted)
        return tfx_fail(err, TFX_E_MEMORY, "evaluation: out of memory");
    XXH3_128bits_reset(predicted);
    *stopped = 0;
    *loss = NAN;
    for (int64_t i = 0; i < v->set.windows && isfinite(total); i += v->batch) {
        float sum;
        read_windows(v, i, stop, err);
        *stopped = stop && *stop;
        if (err->status != TFX_OK || *stopped)
            break;
        add_to_hash(v, predicted);
        tfx_engine_set_batch(engine, v->tokens, v->targets);
        if (tfx_engine_eval(engine, &sum, err) != TFX_OK)
            break;
        total += (double)
            sum; /* where it is not finite, the engine still has that batch, for who looks for the reason */
        if (progress)
            tfx_progress_evaluation(progress, started, fmin(1, (double)(i + v->batch) / (double)v->set.windows));
    }
    if (err->status == TFX_OK && !*stopped) {
        *loss = total / (double)v->set.tokens;
        tfx_hash_digits(predicted, v->hash);
    }
    XXH3_freeState(predicted);
    return err->status;
}

double tfx_bits_per_byte(double loss, double bytes_per_token)
{
    return bytes_per_token > 0 ? loss / (0.693147180559945309417 * bytes_per_token) : NAN;
}

static tfx_status probe_run(tfx_evaluator *v, tfx_engine *engine, double *loss, tfx_error *err)
{
    float sum;
    if (seek_piece(v, 0, err) != TFX_OK)
        return err->status;
    for (int64_t row = 0; row < v->batch; row++)
        if (read_row(v, row, err) != TFX_OK)
            return err->status;
    tfx_engine_set_batch(engine, v->tokens, v->targets);
    if (tfx_engine_eval(engine, &sum, err) != TFX_OK)
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
