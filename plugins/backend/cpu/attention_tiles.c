/* Attention by tiles of own matrix products.
 *
 * A query is a column: scores of a few keys and as many queries as a tile is wide are a block [keys, queries], which a tile of keys by dims
 * times dims by queries gives. Softmax then works on columns, vector by vector, and the block is already what a product over
 * keys takes as its second operand: nothing is packed for it. Keys and values are packed once for each head and task. What exists of scores at any
 * time is a block of some hundred keys (Dao et al. 2022, FlashAttention).
 *
 *   forward    S' = K Q',  P' = exp(S' - max),  O' += V' P'
 *   backward   P' = exp(S' - lse),  dP' = V dO',  dS' = P' (dP' - delta) scale,
 *              dQ' += K' dS',  dV' += dO' P,  dK' += Q' dS
 *
 * with ' for transposed. P and dS are needed with queries as rows, too: these are turned around, for some hundred queries at
 * once, so that the sums over them are long. The gradients of keys and values add up in a fixed order: a task of the backward pass is a head. */
#include "simd.h"

#include "attention.h"
#include "gemm_blocks.h"
#include "tile_ops.h"
#include "turn.h"
#include "vmath.h"

#include <string.h>

/* Keys of a block: a multiple of the height and width of every tile, and of 2. With scores, their gradients and what is packed of
 * keys and values, blocks stay in the second-level cache. */
enum { KEYS = 288 };
/* Queries over which the gradients of keys and values are summed up at a time: whole panels of any tile. */
enum { QUERIES = 128, MAX_WIDTH = 32 };

/* Sums over so many terms, in one block of them. */
static tfx_cpu_terms terms(const tfx_cpu_ctx *ctx, const tfx_cpu_attention *p, int64_t k)
{
    return tfx_cpu_terms_of(ctx->gemm, p->bf16, k);
}

/* ---- memory: where parts of the scratch memory begin, in 32-bit elements ---- */

typedef struct layout {
    int64_t width, tall; /* of tiles */
    int64_t dim_steps;   /* packed steps of dims */
    int64_t padded; /* positions, to whole tiles, and so many more that rows do not compete for the same cache sets */
    uint64_t keys, values,
        keys_over; /* packed: keys, and values, by dims; values (forward) or keys (backward) over positions */
    uint64_t scores, d_scores, words; /* blocks [keys, queries], the last of operands */
    uint64_t query, d_out;            /* packed panels */
    uint64_t query_over, d_out_over;  /* packed over queries */
    uint64_t turned, d_turned;        /* blocks [queries, keys] as operands */
    uint64_t result;                  /* [dims, queries], of each panel */
    uint64_t d_keys, d_values;        /* [dims, padded] */
    uint64_t wide, rows, end;
} layout;

static uint64_t take(uint64_t *end, int64_t n)
{
    uint64_t at = *end;
    *end += tfx_cpu_packed(n);
    return at;
}

static layout lay_out(const tfx_cpu_gemm *g, const tfx_cpu_attention *p, int grad)
{
    tfx_cpu_terms dims = tfx_cpu_terms_of(g, p->bf16, p->dims), most = tfx_cpu_terms_of(g, p->bf16, KEYS);
    layout y = {.width = dims.tiles->cols, .tall = dims.tiles->rows, .dim_steps = tfx_cpu_block_steps(&dims, 0)};
    int64_t key_blocks = tfx_cpu_div_up(p->time, KEYS), over = p->dims * tfx_cpu_block_steps(&most, 0);
    int64_t block = KEYS * y.width;
    y.padded = (int64_t)tfx_cpu_round_up((uint64_t)p->time, (uint64_t)y.width) + 16;
    y.keys = take(&y.end, p->time * y.dim_steps);
    y.keys_over = take(&y.end, key_blocks * over);
    y.scores = take(&y.end, block);
    y.words = take(&y.end, block);
    y.query = take(&y.end, QUERIES * y.dim_steps);
    y.result = take(&y.end, p->dims * (grad ? QUERIES : y.width));
    if (grad) {
        y.values = take(&y.end, p->time * y.dim_steps);
        y.d_scores = take(&y.end, block);
        y.d_out = take(&y.end, QUERIES * y.dim_steps);
        y.query_over = take(&y.end, p->dims * QUERIES);
        y.d_out_over = take(&y.end, p->dims * QUERIES);
        y.turned = take(&y.end, KEYS * QUERIES);
        y.d_turned = take(&y.end, KEYS * QUERIES);
        y.d_keys = take(&y.end, p->dims * y.padded);
        y.d_values = take(&y.end, p->dims * y.padded);
        y.rows = take(&y.end, 2 * p->dims);
    }
    tfx_cpu_terms longest = dims.depth > most.depth ? dims : most;
    y.wide = take(&y.end, (int64_t)tfx_cpu_widening(&longest));
    return y;
}

/* ---- packing ---- */

/* One thread's work on a head. */
typedef struct head {
    const tfx_cpu_ctx *ctx;
    const tfx_cpu_attention *p;
    layout y;
    int64_t b, h;
    uint32_t *memory;
} head;

static head head_of(const tfx_cpu_ctx *ctx, const tfx_cpu_attention *p, int grad, int64_t bh)
{
    return (head){ctx, p, lay_out(ctx->gemm, p, grad), bh / p->heads, bh % p->heads, (uint32_t *)(void *)ctx->scratch};
}

static float *floats(const head *w, uint64_t at)
{
    return (float *)(void *)(w->memory + at);
}

/* Rows [from, from + n) of t, each over its dims: for tiles' rows, or as columns (`across`). */
static void pack_rows(const head *w, const tfx_tensor *t, int64_t from, int64_t n, int as_columns, uint32_t *out)
{
    tfx_cpu_terms dims = terms(w->ctx, w->p, w->p->dims);
    tfx_cpu_rows_of x = tfx_cpu_attention_operand(w->ctx, w->p, t, w->b, w->h, from);
    tfx_cpu_matmul product = {.bf16 = w->p->bf16, .trans_b = 1, .a = x.at, .b = x.at, .lda = x.ld, .ldb = x.ld};
    (as_columns ? tfx_cpu_pack_b : tfx_cpu_pack_a)(&dims, &product, 0, 0, n, w->memory + w->y.wide, out);
}

/* Dims as tiles' rows, each over positions [from, from + n). */
static void pack_over(const head *w, const tfx_tensor *t, int64_t from, int64_t n, uint32_t *out)
{
    tfx_cpu_terms positions = terms(w->ctx, w->p, n);
    tfx_cpu_rows_of x = tfx_cpu_attention_operand(w->ctx, w->p, t, w->b, w->h, from);
    tfx_cpu_matmul product = {.bf16 = w->p->bf16, .trans_a = 1, .a = x.at, .lda = x.ld};
    tfx_cpu_pack_a(&positions, &product, 0, 0, w->p->dims, w->memory + w->y.wide, out);
}

/* The same for all positions before `end`, KEYS at a time. */
static void pack_all_over(const head *w, const tfx_tensor *t, int64_t end)
{
    tfx_cpu_terms most = terms(w->ctx, w->p, KEYS);
    int64_t each = w->p->dims * tfx_cpu_block_steps(&most, 0);
    for (int64_t from = 0; from < end; from += KEYS)
        pack_over(w, t, from, tfx_cpu_min(KEYS, end - from), w->memory + w->y.keys_over + from / KEYS * each);
}

/* ---- products ---- */

/* c[n, width] = alpha times rows [from, from + n) packed by dims, of `end` in all, times a panel of columns. Whole tiles: rows up to the
 * end of the last are computed, too. */
static void multiply_rows(const head *w, uint64_t rows, int64_t from, int64_t n, int64_t end, const uint32_t *columns,
                          float alpha, float *c)
{
    const layout *y = &w->y;
    const tfx_cpu_tiles *tiles = terms(w->ctx, w->p, w->p->dims).tiles;
    for (int64_t i = 0; i < n; i += y->tall) {
        const tfx_cpu_tile_out out = {.c = c + i * y->width, .ldc = y->width, .cols = y->width, .alpha = alpha};
        tiles->tile[tfx_cpu_min(y->tall, end - from - i) - 1](
            y->dim_steps, w->memory + rows + (from + i) * y->dim_steps, columns, &out);
    }
}

/* c[dims, cols] += dims packed over positions, with `packed` steps, times an operand, over steps [from, to); `first`: = */
static void multiply_over(const head *w, const uint32_t *over, int64_t packed, int64_t from, int64_t to,
                          const uint32_t *operand, int first, float *c, int64_t ldc, int64_t cols)
{
    const tfx_cpu_tiles *tiles = terms(w->ctx, w->p, w->p->dims).tiles;
    for (int64_t d = 0; d < w->p->dims; d += w->y.tall) {
        float *at = c + d * ldc;
        int64_t tall = tfx_cpu_min(w->y.tall, w->p->dims - d);
        const tfx_cpu_tile_out out = {.c = at, .from = first ? NULL : at, .ldc = ldc, .cols = cols, .alpha = 1.0f};
        tiles->tile[tall - 1](to - from, over + d * packed + from * tall, operand + from * w->y.width, &out);
    }
}

/* ---- operands ---- */

/* Two rows of w numbers as pairs of bf16, the first in the lower half. */
TFX_CPU_CLONES static void pair_rows(int64_t w, const float *first, const float *second, uint32_t *out)
{
    TFX_CPU_IVDEP
    for (int64_t j = 0; j < w; j++) {
        uint32_t a = vm_bits(first[j]), b = vm_bits(second[j]);
        a = (a + 0x7fffu + (a >> 16 & 1u)) >> 16;
        b = (b + 0x7fffu + (b >> 16 & 1u)) & 0xffff0000u;
        out[j] = a | b;
    }
}

/* Rounds to bf16, and lets neighbours change places: of a pair the second comes first (gemm.h). */
TFX_CPU_CLONES static void swap_rounded(int64_t w, const float *x, uint32_t *out)
{
    TFX_CPU_IVDEP
    for (int64_t j = 0; j < w; j += 2) {
        uint32_t a = vm_bits(x[j]), b = vm_bits(x[j + 1]);
        out[j] = (b + 0x7fffu + (b >> 16 & 1u)) & 0xffff0000u;
        out[j + 1] = (a + 0x7fffu + (a >> 16 & 1u)) & 0xffff0000u;
    }
}

TFX_CPU_CLONES static void round_row(int64_t w, const float *x, uint32_t *out)
{
    TFX_CPU_IVDEP
    for (int64_t j = 0; j < w; j++) {
        uint32_t a = vm_bits(x[j]);
        out[j] = (a + 0x7fffu + (a >> 16 & 1u)) & 0xffff0000u;
    }
}

/* A block [n, width] as the operand of a sum over its n rows; `block` has room for one row more. */
static const uint32_t *over_rows(const head *w, int64_t n, float *block)
{
    const int64_t width = w->y.width;
    const tfx_cpu_terms t = terms(w->ctx, w->p, n);
    uint32_t *words = w->memory + w->y.words;
    if (!w->p->bf16)
        return (const uint32_t *)(const void *)block;
    if (n % 2)
        memset(block + n * width, 0, (size_t)width * sizeof(float));
    for (int64_t l = 0; l < n; l += 2) {
        const float *first = block + l * width, *second = first + width;
        if (t.tiles->pairs) {
            pair_rows(width, first, second, words + l / 2 * width);
        } else {
            round_row(width, second, words + l * width);
            round_row(width, first, words + (l + 1) * width);
        }
    }
    return words;
}

/* Panel number `panel` of queries in a block [n, width] of keys by queries, as part of operands of sums over queries: for every `width` keys
 * one, `steps` long. */
static void turn_block(const head *w, int64_t n, const float *block, int64_t panel, int64_t steps, uint32_t *out)
{
    const int64_t width = w->y.width;
    const tfx_cpu_terms t = terms(w->ctx, w->p, width);
    const int64_t words = t.tiles->pairs ? width / 2 : width; /* of a row */
    const void *rows = block;
    if (w->p->bf16) {
        for (int64_t l = 0; l < n; l++) {
            uint32_t *to = w->memory + w->y.words + l * words;
            if (t.tiles->pairs)
                tfx_cpu_store_bf16(width, (uint16_t *)(void *)to, block + l * width);
            else
                swap_rounded(width, block + l * width, to);
        }
        rows = w->memory + w->y.words;
    }
    for (int64_t l = 0; l < n; l += width)
        tfx_cpu_pack_f32((const float *)rows + l * words, words, 0, tfx_cpu_min(width, n - l), words, width, 1,
                         out + l * steps + panel * words * width);
}

/* ---- results ---- */

/* x [dims, positions] to the rows of a result from position `first` on. */
static void write_turned(const head *w, const float *x, int64_t ld, const tfx_tensor *to, int64_t first, int64_t n)
{
    const int64_t dims = w->p->dims, apart = tfx_cpu_attention_stride(w->p, to);
    float *out = tfx_cpu_attention_result(w->ctx, w->p, to, w->b, w->h, first);
    const int64_t whole = n / 4 * 4, whole_dims = dims / 4 * 4;
    for (int64_t t = 0; t < whole; t += 4)
        for (int64_t d = 0; d < whole_dims; d += 4) {
            const char *at = (const char *)(x + d * ld + t);
            const char *const lines[] = {at, at + ld * 4, at + ld * 8, at + ld * 12};
            tfx_cpu_turn(lines, (uint32_t *)(void *)(out + t * apart + d), apart);
        }
    for (int64_t t = 0; t < n; t++)
        for (int64_t d = t < whole ? whole_dims : 0; d < dims; d++)
            out[t * apart + d] = x[d * ld + t];
}

/* ---- special attention: see tfx_attention in graph.h ---- */

/* In the place of scores that do not count: where all of a block so far are such, they count alike, until one of a later block
 * that does takes all they have come to away from them. */
#define LEFT_OUT (-1e30f)

/* Which keys, and how, columns of queries [first, first + width) see. */
typedef struct sight {
    int32_t first, key, window,
        ahead; /* the query of column 0, the key of row 0; keys at most so many positions ahead */
    float cap, slope;
} sight;

static sight sight_of(const head *w, int64_t first, int64_t key)
{
    const tfx_cpu_attention *p = w->p;
    return (sight){.first = (int32_t)first,
                   .key = (int32_t)key,
                   .window = (int32_t)p->window,
                   .ahead = p->bidirectional ? (int32_t)p->window - 1 : 0,
                   .cap = p->soft_cap,
                   .slope = tfx_cpu_attention_slope(p, w->h)};
}

/* Scores [n, width] as they count. */
TFX_CPU_CLONES static void adjust_block(const sight *v, int64_t n, int64_t width, float *s)
{
    for (int64_t l = 0; l < n; l++) {
        int32_t before = v->first - v->key - (int32_t)l; /* so far is column 0 behind this key */
        float *row = s + l * width;
        for (int32_t j = 0; j < (int32_t)width; j++) {
            int32_t back = before + j, away = back < 0 ? -back : back;
            float x = tfx_cpu_attention_score(row[j], v->cap, v->slope * (float)away);
            row[j] = back < v->window && -back <= v->ahead ? x : LEFT_OUT;
        }
    }
}

/* As grad_columns, below. */
TFX_CPU_CLONES static void grad_block(const sight *v, int64_t n, int64_t width, const float *lse, const float *delta,
                                      float scale, float *s, float *dp)
{
    for (int64_t l = 0; l < n; l++) {
        int32_t before = v->first - v->key - (int32_t)l;
        float *row = s + l * width, *d_row = dp + l * width;
        TFX_CPU_IVDEP
        for (int32_t j = 0; j < (int32_t)width; j++) {
            int32_t back = before + j, away = back < 0 ? -back : back;
            float d_cap = v->cap > 0.0f ? tfx_cpu_attention_slope_of_cap(row[j], v->cap) : 1.0f;
            float e = vm_exp_shifted(tfx_cpu_attention_score(row[j], v->cap, v->slope * (float)away) - lse[j]);
            e = back < v->window && -back <= v->ahead ? e : 0.0f;
            row[j] = e;
            d_row[j] = e * (d_row[j] - delta[j]) * scale * d_cap;
        }
    }
}

/* The block of keys in which those that queries from `first` on see begin. */
static int64_t first_block(const tfx_cpu_attention *p, int64_t first)
{
    return tfx_cpu_attention_first_key(p, first) / KEYS * KEYS;
}

/* ---- forward ---- */

/* The columns of a panel so far. */
typedef struct columns {
    float max[MAX_WIDTH], factor[MAX_WIDTH];
    double sum[MAX_WIDTH];
} columns;

/* Rows of scores of which column j sees the first `seen` + j become exp(score - max), the others 0; factor is what results so far are
 * to be multiplied with. */
TFX_CPU_INLINE void softmax_columns(const int width, int64_t n, int64_t seen, float *s, columns *c)
{
    enum { SHORT = 16 }; /* additions one after the other */
    float max[MAX_WIDTH], total[MAX_WIDTH] = {0};
    for (int64_t l = tfx_cpu_max(0, seen); l < n; l++)
        for (int j = 0; j < width; j++)
            s[l * width + j] = l >= seen + j ? -INFINITY : s[l * width + j];
    for (int j = 0; j < width; j++)
        max[j] = c->max[j];
    for (int64_t l = 0; l < n; l++)
        for (int j = 0; j < width; j++)
            max[j] = s[l * width + j] > max[j] ? s[l * width + j] : max[j];
    for (int64_t from = 0; from < n; from += SHORT) {
        float part[MAX_WIDTH] = {0};
        for (int64_t l = from; l < tfx_cpu_min(n, from + SHORT); l++)
            for (int j = 0; j < width; j++) {
                float e = vm_exp_shifted(s[l * width + j] - max[j]);
                s[l * width + j] = e;
                part[j] += e;
            }
        for (int j = 0; j < width; j++)
            total[j] += part[j];
    }
    for (int j = 0; j < width; j++) {
        c->factor[j] = c->sum[j] == 0.0 ? 0.0f : vm_exp_shifted(c->max[j] - max[j]);
        c->sum[j] = c->sum[j] * (double)c->factor[j] + (double)total[j];
        c->max[j] = max[j];
    }
}

TFX_CPU_CLONES static void softmax_32(int64_t n, int64_t seen, float *s, columns *c)
{
    softmax_columns(32, n, seen, s, c);
}

TFX_CPU_CLONES static void softmax_16(int64_t n, int64_t seen, float *s, columns *c)
{
    softmax_columns(16, n, seen, s, c);
}

TFX_CPU_CLONES static void softmax_8(int64_t n, int64_t seen, float *s, columns *c)
{
    softmax_columns(8, n, seen, s, c);
}

TFX_CPU_CLONES static void scale_columns(int64_t rows, int64_t n, int64_t ld, const float *factor, float *x)
{
    for (int64_t i = 0; i < rows; i++) {
        TFX_CPU_IVDEP
        for (int64_t j = 0; j < n; j++)
            x[i * ld + j] *= factor[j];
    }
}

/* Queries [first, first + n). */
static void forward_panel(const head *w, int64_t first, int64_t n, int64_t packed_keys)
{
    const tfx_cpu_attention *p = w->p;
    const layout *y = &w->y;
    const tfx_cpu_terms most = terms(w->ctx, p, KEYS);
    float *s = floats(w, y->scores), *o = floats(w, y->result);
    columns c;
    for (int j = 0; j < MAX_WIDTH; j++) {
        c.max[j] = -INFINITY;
        c.sum[j] = 0.0;
    }
    pack_rows(w, p->q, first, n, 1, w->memory + y->query);
    int64_t start = first_block(p, first), end = tfx_cpu_attention_end_key(p, first + n - 1);
    for (int64_t key = start; key < end; key += KEYS) {
        int64_t n_keys = tfx_cpu_min(KEYS, end - key), seen = p->special ? n_keys : first + 1 - key;
        multiply_rows(w, y->keys, key, n_keys, packed_keys, w->memory + y->query, p->scale, s);
        if (p->special) {
            const sight v = sight_of(w, first, key);
            adjust_block(&v, n_keys, y->width, s);
        }
        (y->width == 32 ? softmax_32 : y->width == 16 ? softmax_16 : softmax_8)(n_keys, seen, s, &c);
        if (key > start)
            scale_columns(p->dims, y->width, y->width, c.factor, o);
        const tfx_cpu_terms here = terms(w->ctx, p, n_keys),
                            packed = terms(w->ctx, p, tfx_cpu_min(KEYS, packed_keys - key));
        const uint32_t *over = w->memory + y->keys_over + key / KEYS * p->dims * tfx_cpu_block_steps(&most, 0);
        multiply_over(w, over, tfx_cpu_block_steps(&packed, 0), 0, tfx_cpu_block_steps(&here, 0),
                      over_rows(w, n_keys, s), key == start, o, y->width, y->width);
    }
    float *lse = (float *)tfx_cpu_at(w->ctx, p->lse) + (w->b * p->heads + w->h) * p->time + first;
    for (int64_t j = 0; j < n; j++) {
        c.factor[j] = (float)(1.0 / c.sum[j]);
        lse[j] = (float)((double)c.max[j] + log(c.sum[j]));
    }
    scale_columns(p->dims, n, y->width, c.factor, o);
    write_turned(w, o, y->width, p->o, first, n);
}

/* Tasks of a head, the last panels first: they take longest. */
static void forward_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const tfx_cpu_attention *p = args;
    head w = head_of(ctx, p, 0, task / p->n_blocks);
    int64_t group = p->n_blocks - 1 - task % p->n_blocks, panels = tfx_cpu_div_up(p->time, w.y.width);
    int64_t from = tfx_cpu_split(panels, p->n_blocks, group) * w.y.width;
    int64_t to = tfx_cpu_min(p->time, tfx_cpu_split(panels, p->n_blocks, group + 1) * w.y.width);
    if (from == to)
        return;
    int64_t keys = tfx_cpu_attention_end_key(p, to - 1);
    pack_rows(&w, p->k, 0, keys, 0, w.memory + w.y.keys);
    pack_all_over(&w, p->v, keys);
    for (int64_t first = from; first < to; first += w.y.width)
        forward_panel(&w, first, tfx_cpu_min(w.y.width, to - first), keys);
}

/* ---- backward ---- */

/* Scores s and gradients dp of probabilities become probabilities and gradients of scores; column j sees the first `seen` + j rows. */
TFX_CPU_INLINE void grad_columns(const int width, int64_t n, int64_t seen, const float *lse, const float *delta,
                                 float scale, float *s, float *dp)
{
    for (int64_t l = 0; l < n; l++) {
        TFX_CPU_IVDEP
        for (int j = 0; j < width; j++) {
            float e = vm_exp_shifted(s[l * width + j] - lse[j]);
            e = l >= seen + j ? 0.0f : e;
            s[l * width + j] = e;
            dp[l * width + j] = e * (dp[l * width + j] - delta[j]) * scale;
        }
    }
}

#define GRAD_COLUMNS(width) \
    TFX_CPU_CLONES static void grad_##width(int64_t n, int64_t seen, const float *lse, const float *delta, \
                                            float scale, float *s, float *dp) \
    { \
        grad_columns(width, n, seen, lse, delta, scale, s, dp); \
    }
GRAD_COLUMNS(32)
GRAD_COLUMNS(16)
GRAD_COLUMNS(8)

/* Of one panel of queries against a block of keys: probabilities and gradients of scores, turned around as well, and what the
 * latter add to the gradient of the queries. */
static void backward_panel(const head *w, int64_t first, int64_t panel, int64_t key, int64_t n_keys, int64_t steps,
                           const float *lse, const float *delta)
{
    const tfx_cpu_attention *p = w->p;
    const layout *y = &w->y;
    const tfx_cpu_terms most = terms(w->ctx, p, KEYS), packed = terms(w->ctx, p, tfx_cpu_min(KEYS, p->time - key));
    float *s = floats(w, y->scores), *ds = floats(w, y->d_scores);
    int64_t seen = first + 1 - key, start = first_block(p, first - panel * y->width);
    int64_t n = p->special ? n_keys : tfx_cpu_max(0, tfx_cpu_min(n_keys, first + y->width - key));
    int64_t panel_at = panel * y->width * y->dim_steps;
    if (n == 0)
        return; /* none of the queries sees any of the keys */
    multiply_rows(w, y->keys, key, n, p->time, w->memory + y->query + panel_at, p->scale, s);
    multiply_rows(w, y->values, key, n, p->time, w->memory + y->d_out + panel_at, 1.0f, ds);
    if (p->special) {
        const sight v = sight_of(w, first, key);
        grad_block(&v, n, y->width, lse, delta, p->scale, s, ds);
    } else {
        (y->width == 32 ? grad_32 : y->width == 16 ? grad_16 : grad_8)(n, seen, lse, delta, p->scale, s, ds);
    }
    turn_block(w, n, s, panel, steps, w->memory + y->turned);
    turn_block(w, n, ds, panel, steps, w->memory + y->d_turned);
    const tfx_cpu_terms here = terms(w->ctx, p, n);
    const uint32_t *over = w->memory + y->keys_over + key / KEYS * p->dims * tfx_cpu_block_steps(&most, 0);
    multiply_over(w, over, tfx_cpu_block_steps(&packed, 0), 0, tfx_cpu_block_steps(&here, 0), over_rows(w, n, ds),
                  key == start, floats(w, y->result) + panel * p->dims * y->width, y->width, y->width);
}

/* Queries [first, first + n): what they add to the gradients of keys and values, and their own. */
static void backward_block(const head *w, int64_t first, int64_t n)
{
    const tfx_cpu_attention *p = w->p;
    const layout *y = &w->y;
    const int64_t panels = tfx_cpu_div_up(n, y->width);
    const tfx_cpu_terms queries = terms(w->ctx, p, n);
    /* Operands of sums over queries have steps of whole panels, of which those that there are queries for are taken. */
    const tfx_cpu_terms whole = terms(w->ctx, p, y->width);
    const int64_t taken = tfx_cpu_block_steps(&queries, 0), steps = panels * tfx_cpu_block_steps(&whole, 0);
    const float *all_lse = (const float *)tfx_cpu_at(w->ctx, p->lse) + (w->b * p->heads + w->h) * p->time + first;
    float lse[QUERIES], delta[QUERIES];
    for (int64_t j = 0; j < panels * y->width; j++) {
        int is = j < n; /* beyond the last query probabilities are 0 */
        lse[j] = is ? all_lse[j] : INFINITY;
        delta[j] = is ? tfx_cpu_attention_delta(p, tfx_cpu_attention_operand(w->ctx, p, p->o, w->b, w->h, first + j).at,
                                                tfx_cpu_attention_operand(w->ctx, p, p->d_o, w->b, w->h, first + j).at,
                                                floats(w, y->rows))
                      : 0.0f;
    }
    pack_rows(w, p->q, first, n, 1, w->memory + y->query);
    pack_rows(w, p->d_o, first, n, 1, w->memory + y->d_out);
    pack_over(w, p->q, first, n, w->memory + y->query_over);
    pack_over(w, p->d_o, first, n, w->memory + y->d_out_over);
    int64_t end = tfx_cpu_attention_end_key(p, first + n - 1);
    for (int64_t key = first_block(p, first); key < end; key += KEYS) {
        int64_t n_keys = tfx_cpu_min(KEYS, end - key);
        for (int64_t i = 0; i < panels; i++)
            backward_panel(w, first + i * y->width, i, key, n_keys, steps, lse + i * y->width, delta + i * y->width);
        for (int64_t l = 0; l < n_keys; l += y->width) {
            /* Panels before `from` see none of these keys, unless they see later ones. */
            int64_t cols = tfx_cpu_min(y->width, n_keys - l), each = steps / panels;
            int64_t from = p->special ? 0 : tfx_cpu_max(0, (key + l - first) / y->width) * each;
            multiply_over(w, w->memory + y->d_out_over, taken, from, taken, w->memory + y->turned + l * steps, 0,
                          floats(w, y->d_values) + key + l, y->padded, cols);
            multiply_over(w, w->memory + y->query_over, taken, from, taken, w->memory + y->d_turned + l * steps, 0,
                          floats(w, y->d_keys) + key + l, y->padded, cols);
        }
    }
    for (int64_t i = 0; i < panels; i++)
        write_turned(w, floats(w, y->result) + i * p->dims * y->width, y->width, p->dq, first + i * y->width,
                     tfx_cpu_min(y->width, n - i * y->width));
}

/* A head of keys and values, with all heads of queries that share it. */
static void backward_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const tfx_cpu_attention *p = args;
    head w = head_of(ctx, p, 1, task * p->shared);
    pack_rows(&w, p->k, 0, p->time, 0, w.memory + w.y.keys);
    pack_rows(&w, p->v, 0, p->time, 0, w.memory + w.y.values);
    pack_all_over(&w, p->k, p->time);
    memset(floats(&w, w.y.d_keys), 0, (size_t)(p->dims * w.y.padded) * sizeof(float));
    memset(floats(&w, w.y.d_values), 0, (size_t)(p->dims * w.y.padded) * sizeof(float));
    for (int64_t end = w.h + p->shared; w.h < end; w.h++)
        for (int64_t first = 0; first < p->time; first += QUERIES)
            backward_block(&w, first, tfx_cpu_min(QUERIES, p->time - first));
    w.h--; /* the last of them */
    write_turned(&w, floats(&w, w.y.d_keys), w.y.padded, p->dk, 0, p->time);
    write_turned(&w, floats(&w, w.y.d_values), w.y.padded, p->dv, 0, p->time);
}

/* ---- compiling ---- */

int tfx_cpu_attention_has_tiles(const tfx_cpu_compiler *c, const tfx_cpu_attention *p)
{
    return c->gemm->f32 && p->dims <= tfx_cpu_longest_block(0, p->dims);
}

void tfx_cpu_attention_by_tiles(const tfx_cpu_compiler *c, tfx_cpu_attention *p, int grad, tfx_cpu_step *out)
{
    int64_t heads = p->q->dims[0] * p->heads, panels = tfx_cpu_div_up(p->time, lay_out(c->gemm, p, grad).width);
    /* So many parts of a head that threads end together; keys are packed for each. */
    int64_t parts = grad || c->n_threads == 1 ? 1 : tfx_cpu_div_up(8 * c->n_threads, tfx_cpu_max(1, heads));
    p->n_blocks = tfx_cpu_max(1, tfx_cpu_min(parts, panels / 4));
    out->n_tasks = p->time && p->dims ? (grad ? heads / p->shared : heads * p->n_blocks) : 0;
    out->task = grad ? backward_task : forward_task;
    out->scratch = tfx_cpu_round_up(lay_out(c->gemm, p, grad).end * sizeof(float), 64);
}
