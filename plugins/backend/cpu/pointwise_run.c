/* Executes a compiled group of pointwise nodes, tile by tile. */
#include "pointwise.h"

#include <string.h>

/* One worker's state. */
typedef struct machine {
    const pointwise_args *p;
    const tfx_cpu_ctx *ctx;
    const float **at;         /* address of each cell's tile */
    uint8_t *stride;          /* 0: one number for the whole tile */
    tfx_cpu_row_stats *stats; /* of a tile's rows, for each op that has some */
    float *regs;
    double *sums; /* of the current chunk */
} machine;

/* n elements from bf16 or f32 memory at element offset `from`. */
static void load_run(const tfx_tensor *t, const void *base, int64_t from, int64_t n, int64_t stride, float *dst)
{
    int64_t n_read = stride ? n : 1;
    if (t->dtype == TFX_BF16)
        tfx_cpu_load_bf16(n_read, dst, (const uint16_t *)base + from);
    else
        memcpy(dst, (const float *)base + from, (size_t)n_read * sizeof(float));
    if (!stride)
        tfx_cpu_fill(n, dst, *dst);
}

/* Makes elements [i, i+n) of a broadcast, bf16 or endangered operand available. */
static void load(machine *m, int cell, int64_t i, int64_t n)
{
    const pointwise_cell *s = &m->p->cells[cell];
    const tfx_cpu_view *v = &s->view;
    const void *base = tfx_cpu_at(m->ctx, s->tensor);
    float *reg = m->regs + s->reg * m->p->reg_stride;
    m->at[cell] = reg;
    if (v->n_dims == 0) {
        load_run(s->tensor, base, 0, 1, 1, reg);
        m->stride[cell] = 0;
        return;
    }
    int64_t coords[TFX_MAX_DIMS], offset = 0, rest = i;
    for (uint32_t d = v->n_dims; d-- > 0;) {
        coords[d] = rest % v->dims[d];
        rest /= v->dims[d];
        offset += coords[d] * v->strides[d];
    }
    uint32_t last = v->n_dims - 1;
    int64_t inner = v->strides[last];
    int64_t run = v->dims[last] - coords[last];
    if (run >= n && inner == 0) {
        load_run(s->tensor, base, offset, 1, 1, reg);
        m->stride[cell] = 0;
        return;
    }
    m->stride[cell] = 1;
    if (run >= n && s->tensor->dtype == TFX_F32 && !s->must_copy) {
        m->at[cell] = (const float *)base + offset;
        return;
    }
    for (int64_t done = 0;;) {
        int64_t len = tfx_cpu_min(run, n - done);
        load_run(s->tensor, base, offset, len, inner, reg + done);
        done += len;
        if (done == n)
            return;
        /* The next run begins where the next outer coordinate says. */
        run = v->dims[last];
        coords[last] = 0;
        for (uint32_t d = last; d-- > 0;) {
            if (++coords[d] < v->dims[d])
                break;
            coords[d] = 0;
        }
        offset = 0;
        for (uint32_t d = 0; d < v->n_dims; d++)
            offset += coords[d] * v->strides[d];
    }
}

/* Where an instruction writes element i and those after it. */
static float *result_of(const machine *m, const pointwise_instr *in, int64_t i)
{
    const pointwise_cell *s = &m->p->cells[in->dst];
    return s->direct ? (float *)tfx_cpu_at(m->ctx, s->direct) + i : m->regs + s->reg * m->p->reg_stride;
}

static void compute(machine *m, const pointwise_instr *in, int64_t i, int64_t n)
{
    float *dst = result_of(m, in, i);
    int sa = m->stride[in->a], sb = in->b >= 0 ? m->stride[in->b] : 0;
    int varies = sa || sb || in->per_index;
    tfx_cpu_tile t = {.n = varies ? n : 1,
                      .dst = dst,
                      .a = m->at[in->a],
                      .b = in->b >= 0 ? m->at[in->b] : NULL,
                      .scale = in->scale,
                      .shift = in->shift,
                      .slope = in->slope >= 0 ? m->regs + m->p->cells[in->slope].reg * m->p->reg_stride : NULL,
                      .scale_b = in->scale_b,
                      .shift_b = in->shift_b};
    if (in->kind == INSTR_BINARY) {
        in->binary[varies ? sa && sb ? TFX_CPU_VV : sa ? TFX_CPU_VS : TFX_CPU_SV : TFX_CPU_VV](&t);
    } else {
        if (in->per_index) {
            t.index = i;
            t.key = tfx_cpu_at(m->ctx, in->key);
            t.stream = in->stream;
            t.threshold = in->threshold;
            if (!sa) { /* a mask over one number */
                tfx_cpu_fill(n, dst, *t.a);
                t.a = dst;
            }
        }
        in->unary(&t);
    }
    if (in->round_bf16) {
        t.a = dst;
        tfx_cpu_tile_round_bf16(&t);
    }
    if (!varies && m->p->cells[in->dst].direct)
        tfx_cpu_fill(n, dst, *dst);
    m->at[in->dst] = dst;
    m->stride[in->dst] = (uint8_t)varies;
    if (in->slope >= 0) {
        m->at[in->slope] = t.slope;
        m->stride[in->slope] = (uint8_t)varies;
    }
}

/* The n elements of a cell; those of one that is a single number are made in the k-th spare register. */
static const float *elements(const machine *m, int cell, int64_t n, int k)
{
    if (cell < 0 || m->stride[cell])
        return cell < 0 ? NULL : m->at[cell];
    float *reg = m->regs + (m->p->spare + k) * m->p->reg_stride;
    tfx_cpu_fill(n, reg, *m->at[cell]);
    return reg;
}

static void compute_rows(machine *m, const pointwise_instr *in, int64_t i, int64_t n)
{
    float *dst = result_of(m, in, i);
    const float *x = elements(m, in->a, n, 0), *dy = elements(m, in->b, n, 1);
    tfx_cpu_row_stats *stats = m->stats + in->stats * (m->p->tile / m->p->cols);
    in->rows.run(&in->rows, n / in->rows.cols, x, dy, dst, stats);
    m->at[in->dst] = dst;
    m->stride[in->dst] = 1;
}

static void store(const machine *m, const pointwise_store *st, int64_t i, int64_t n)
{
    const float *src = m->at[st->cell];
    void *base = tfx_cpu_at(m->ctx, st->target);
    int varies = m->stride[st->cell];
    if (st->target->dtype == TFX_BF16) {
        uint16_t *dst = (uint16_t *)base + i;
        if (varies)
            tfx_cpu_store_bf16(n, dst, src);
        else
            tfx_cpu_fill_bf16(n, dst, *src);
    } else {
        float *dst = (float *)base + i;
        if (!varies)
            tfx_cpu_fill(n, dst, *src);
        else if (dst != src)
            memcpy(dst, src, (size_t)n * sizeof(float));
    }
}

/* Asks for elements [i, i+n) of every operand that is read at the element's own index. */
static void prefetch(const machine *m, int64_t i, int64_t n)
{
    const pointwise_args *p = m->p;
    for (uint32_t s = 0; s < p->n_cells; s++) {
        const pointwise_cell *cell = &p->cells[s];
        if (cell->kind != CELL_EXTERN && !(cell->kind == CELL_LOADED && cell->view.n_dims == 1))
            continue;
        int64_t size = (int64_t)tfx_cpu_dtype_bytes(cell->tensor->dtype);
        const char *at = (const char *)tfx_cpu_at(m->ctx, cell->tensor) + i * size;
        for (int64_t k = 0; k < n * size; k += 64)
            __builtin_prefetch(at + k, 0, 2);
    }
}

static void run_tile(machine *m, int64_t i, int64_t n)
{
    const pointwise_args *p = m->p;
    if (p->prefetch && i + n < p->n)
        prefetch(m, i + n, tfx_cpu_min(p->tile, p->n - i - n));
    for (uint32_t s = 0; s < p->n_cells; s++)
        if (p->cells[s].kind == CELL_EXTERN)
            m->at[s] = (const float *)tfx_cpu_at(m->ctx, p->cells[s].tensor) + i;
    for (uint32_t k = 0; k < p->n_instrs; k++) {
        const pointwise_instr *in = &p->instrs[k];
        if (in->kind == INSTR_LOAD)
            load(m, in->dst, i, n);
        else if (in->kind == INSTR_SUM)
            m->sums[in->sum] += m->stride[in->a] ? tfx_cpu_tile_sum(n, m->at[in->a])
                                                 : (double)n * (double)*m->at[in->a];
        else if (in->kind == INSTR_ROWS)
            compute_rows(m, in, i, n);
        else
            compute(m, in, i, n);
    }
    for (uint32_t k = 0; k < p->n_stores; k++)
        store(m, &p->stores[k], i, n);
}

void tfx_cpu_pointwise_task(const void *args, const tfx_cpu_ctx *ctx, int64_t chunk)
{
    const pointwise_args *p = args;
    machine m = {.p = p,
                 .ctx = ctx,
                 .at = (const float **)ctx->scratch,
                 .stride = (uint8_t *)(ctx->scratch + p->n_cells * sizeof(float *)),
                 .stats = (tfx_cpu_row_stats *)(ctx->scratch + p->cell_bytes),
                 .regs = (float *)(ctx->scratch + p->cell_bytes + p->stats_bytes),
                 .sums = (double *)ctx->shared + chunk * p->n_sums};
    for (uint32_t s = 0; s < p->n_cells; s++) {
        m.stride[s] = p->cells[s].kind == CELL_EXTERN;
        if (p->cells[s].kind == CELL_CONST)
            m.at[s] = &p->cells[s].constant;
    }
    for (uint32_t s = 0; s < p->n_sums; s++)
        m.sums[s] = 0.0;
    int64_t end = tfx_cpu_min(p->n_tiles, (chunk + 1) * p->tiles_per_chunk);
    for (int64_t t = chunk * p->tiles_per_chunk; t < end; t++) {
        int64_t within = t % p->tiles_per_row * p->tile;
        run_tile(&m, t / p->tiles_per_row * p->row + within, tfx_cpu_min(p->tile, p->row - within));
    }
}

/* Adds up the chunks' sums. */
void tfx_cpu_pointwise_finish(const void *args, const tfx_cpu_ctx *ctx)
{
    const pointwise_args *p = args;
    const double *partial = (const double *)ctx->shared;
    for (uint32_t s = 0; s < p->n_sums; s++) {
        double sum = 0.0;
        for (int64_t k = 0; k < p->n_chunks; k++)
            sum += partial[k * p->n_sums + s];
        *(float *)tfx_cpu_at(ctx, p->sums[s]) = (float)sum;
    }
}
