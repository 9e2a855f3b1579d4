#include "framework/train/generation.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"

/* ---- drawing ---- */

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The least weight that counts: of the fewest largest ones that make up `share` of all. */
static float least_of_share(const float *weights, uint64_t n, double total, double share, float *sorted)
{
    double sum = 0;
    memcpy(sorted, weights, n * sizeof(float));
    qsort(sorted, n, sizeof(float), descending);
    for (uint64_t i = 0; i < n; i++) {
        sum += (double)sorted[i];
        if (sum >= share * total)
            return sorted[i];
    }
    return 0;
}

static double sum_of(const float *x, uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum;
}

/* Softmax of logits / temperature, over those that count. `scratch` is [2 * vocab]; index counts the draws of a text. */
static int32_t draw(const float *logits, uint64_t vocab, const tfx_sampling *s, uint64_t index, float *scratch)
{
    float *weights = scratch, *sorted = scratch + vocab, least = -INFINITY;
    uint64_t best = 0;
    for (uint64_t i = 1; i < vocab; i++)
        if (logits[i] > logits[best])
            best = i;
    if (s->temperature == 0)
        return (int32_t)best;
    if (s->top_k && (uint64_t)s->top_k < vocab) {
        memcpy(sorted, logits, vocab * sizeof(float));
        qsort(sorted, vocab, sizeof(float), descending);
        least = sorted[s->top_k - 1];
    }
    for (uint64_t i = 0; i < vocab; i++)
        weights[i] = logits[i] < least ? 0.0f : (float)exp(((double)logits[i] - (double)logits[best]) / s->temperature);
    double total = sum_of(weights, vocab);
    if (s->top_p < 1) {
        least = least_of_share(weights, vocab, total, s->top_p, sorted);
        for (uint64_t i = 0; i < vocab; i++)
            weights[i] = weights[i] < least ? 0.0f : weights[i];
        total = sum_of(weights, vocab);
    }
    double u = (double)(tfx_random_u64(s->seed, tfx_random_stream("generate"), index) >> 11) * 0x1p-53 * total;
    for (uint64_t i = 0; i < vocab; i++) {
        u -= (double)weights[i];
        if (u < 0)
            return (int32_t)i;
    }
    return (int32_t)best;
}

/* Draws of the first text have the numbers 0, 1, ..., those of the others numbers of their own. */
static uint64_t draw_index(uint64_t text, uint64_t i)
{
    return (text << 40) + i;
}

/* ---- with the keys and values of all positions so far ---- */

typedef struct extension {
    tfx_inference *f;
    tfx_generated *texts;
    uint64_t rows;
    uint64_t *first, *kept; /* per text: the token at position 0, and the one up to which keys and values are kept */
    int32_t *tokens, *positions;
} extension;

/* Gives each row the tokens [kept, ...) of its text, as far as `end` of them are known; what is left of a row says its last one
 * again, which changes nothing. */
static tfx_status extend(extension *x, int next, tfx_error *err)
{
    uint64_t n = (uint64_t)(next ? x->f->plan->next.n : x->f->plan->prefix.n);
    for (uint64_t r = 0; r < x->rows; r++) {
        const tfx_generated *t = &x->texts[r];
        uint64_t end = next ? t->n : t->n - 1, at = x->kept[r];
        for (uint64_t i = 0; i < n; i++) {
            uint64_t token = at < end ? at++ : at > x->first[r] ? at - 1 : at;
            x->tokens[r * n + i] = t->tokens[token];
            x->positions[r * n + i] = (int32_t)(token - x->first[r]);
        }
        x->kept[r] = at;
    }
    return tfx_engine_extend(x->f->engine, next, x->tokens, x->positions, err);
}

/* Computes all but the last token of each text. A text that fills its window goes on from the last half of it. */
static tfx_status catch_up(extension *x, tfx_error *err)
{
    uint64_t context = (uint64_t)x->f->plan->context;
    int behind = 1;
    for (uint64_t r = 0; r < x->rows; r++)
        if (x->texts[r].n - x->first[r] > context)
            x->first[r] = x->kept[r] = x->texts[r].n - (x->first[r] || x->kept[r] ? (context + 1) / 2 : context);
    while (behind && err->status == TFX_OK) {
        behind = 0;
        for (uint64_t r = 0; r < x->rows; r++)
            behind |= x->kept[r] + 1 < x->texts[r].n;
        if (behind)
            extend(x, 0, err);
    }
    return err->status;
}

static tfx_status generate_extending(tfx_inference *f, const tfx_sampling *s, tfx_generated *texts, uint64_t count,
                                     void (*emit)(void *ctx, uint64_t text, int32_t token), void *ctx, float *logits,
                                     float *scratch, tfx_error *err)
{
    uint64_t rows = (uint64_t)f->plan->rows, vocab = (uint64_t)f->plan->model->vocab;
    uint64_t most = rows * (uint64_t)f->plan->prefix.n;
    extension x = {f,
                   texts,
                   rows,
                   TFX_NEW_ARRAY(uint64_t, rows),
                   TFX_NEW_ARRAY(uint64_t, rows),
                   TFX_NEW_ARRAY(int32_t, most),
                   TFX_NEW_ARRAY(int32_t, most)};
    for (uint64_t i = 0; i < count && catch_up(&x, err) == TFX_OK && extend(&x, 1, err) == TFX_OK; i++)
        for (uint64_t r = 0; r < rows; r++) {
            tfx_engine_next_logits(f->engine, r * vocab, vocab, logits);
            int32_t token = draw(logits, vocab, s, draw_index(r, i), scratch);
            texts[r].tokens[texts[r].n++] = token;
            emit(ctx, r, token);
        }
    free(x.first);
    free(x.kept);
    free(x.tokens);
    free(x.positions);
    return err->status;
}

/* ---- window by window ---- */

static tfx_status generate_windows(tfx_inference *f, const tfx_sampling *s, tfx_generated *texts, uint64_t count,
                                   void (*emit)(void *ctx, uint64_t text, int32_t token), void *ctx, float *logits,
                                   float *scratch, tfx_error *err)
{
    uint64_t context = (uint64_t)f->plan->context, vocab = (uint64_t)f->plan->model->vocab;
    tfx_generated *t = &texts[0];
    float sum;
    for (uint64_t i = 0; i < count && err->status == TFX_OK; i++) {
        uint64_t here = t->n < context ? t->n : context;
        tfx_inference_set_window(f, t->tokens + t->n - here, here);
        if (tfx_engine_eval(f->engine, &sum, err) != TFX_OK)
            break;
        tfx_engine_logits(f->engine, (here - 1) * vocab, vocab, logits);
        int32_t token = draw(logits, vocab, s, draw_index(0, i), scratch);
        t->tokens[t->n++] = token;
        emit(ctx, 0, token);
    }
    return err->status;
}

tfx_status tfx_generate(tfx_inference *f, const tfx_sampling *s, tfx_generated *texts, uint64_t count,
                        void (*emit)(void *ctx, uint64_t text, int32_t token), void *ctx, tfx_error *err)
{
    uint64_t vocab = (uint64_t)f->plan->model->vocab;
    float *logits = TFX_NEW_ARRAY(float, vocab), *scratch = TFX_NEW_ARRAY(float, 2 * vocab);
    (f->plan->whole_windows ? generate_windows : generate_extending)(f, s, texts, count, emit, ctx, logits, scratch,
                                                                     err);
    free(logits);
    free(scratch);
    return err->status;
}
