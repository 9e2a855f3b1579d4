/* Executes a compiled group of pointwise nodes, tile by tile. */
#include "fuse.h"

#include <string.h>

typedef struct fuse_job {
    const fuse_plan *p;
    const tfx_cpu_ctx *ctx;
} fuse_job;

/* One worker's state. */
typedef struct machine {
    const fuse_plan *p;
    const tfx_cpu_ctx *ctx;
    const float **at; /* address of each slot's tile */
    uint8_t *step;    /* 0: one number for the whole tile */
    float *regs;
    double *sums; /* of the current chunk */
} machine;

/* n elements from bf16 or f32 memory at element offset `from`. */
static void load_run(const tfx_tensor *t, const void *base, int64_t from, int64_t n, int64_t stride, float *dst)
{
    if (t->dtype == TFX_BF16) {
        const uint16_t *src = (const uint16_t *)base + from;
        float one;
        if (stride) {
            tfx_cpu_load_bf16(n, dst, src);
        } else {
            tfx_cpu_load_bf16(1, &one, src);
            tfx_cpu_fill(n, dst, one);
        }
    } else {
        const float *src = (const float *)base + from;
        if (stride)
            memcpy(dst, src, (size_t)n * sizeof(float));
        else
            tfx_cpu_fill(n, dst, *src);
    }
}

/* Makes elements [i, i+n) of a broadcast, bf16 or endangered operand available. */
static void load(machine *m, int slot, int64_t i, int64_t n)
{
    const fuse_slot *s = &m->p->slots[slot];
    const fuse_view *v = &s->view;
    const void *base = tfx_cpu_at(m->ctx, s->tensor);
    float *reg = m->regs + s->reg * m->p->reg_stride;
    m->at[slot] = reg;
    if (v->n_dims == 0) {
        load_run(s->tensor, base, 0, 1, 1, reg);
        m->step[slot] = 0;
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
    int must_copy = v->n_dims == 2 && v->dims[0] == 1; /* see load_endangered_sources */
    if (run >= n && inner == 0) {
        load_run(s->tensor, base, offset, 1, 1, reg);
        m->step[slot] = 0;
        return;
    }
    m->step[slot] = 1;
    if (run >= n && s->tensor->dtype == TFX_F32 && !must_copy) {
        m->at[slot] = (const float *)base + offset;
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

static void compute(machine *m, const fuse_instr *in, int64_t i, int64_t n)
{
    const fuse_slot *s = &m->p->slots[in->dst];
    float *dst = s->direct ? (float *)tfx_cpu_at(m->ctx, s->direct) + i : m->regs + s->reg * m->p->reg_stride;
    int sa = m->step[in->a], sb = in->b >= 0 ? m->step[in->b] : 0;
    int varies = sa || sb || in->per_index;
    tfx_cpu_tile t = {.n = varies ? n : 1,
                      .dst = dst,
                      .a = m->at[in->a],
                      .scale = in->scale,
                      .shift = in->shift,
                      .scale_b = in->scale_b,
                      .shift_b = in->shift_b};
    if (in->kind == INSTR_BINARY_AFFINE) {
        t.b = m->at[in->b];
        in->unary(&t);
    } else if (in->kind == INSTR_BINARY) {
        t.b = m->at[in->b];
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
    if (!varies && s->direct)
        tfx_cpu_fill(n, dst, *dst);
    m->at[in->dst] = dst;
    m->step[in->dst] = (uint8_t)varies;
}

static void store(const machine *m, const fuse_store *st, int64_t i, int64_t n)
{
    const float *src = m->at[st->slot];
    void *base = tfx_cpu_at(m->ctx, st->target);
    int varies = m->step[st->slot];
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
    const fuse_plan *p = m->p;
    for (uint32_t s = 0; s < p->n_slots; s++) {
        const fuse_slot *slot = &p->slots[s];
        if (slot->kind != SLOT_EXTERN && !(slot->kind == SLOT_LOADED && slot->view.n_dims == 1))
            continue;
        int64_t size = (int64_t)tfx_cpu_dtype_bytes(slot->tensor->dtype);
        const char *at = (const char *)tfx_cpu_at(m->ctx, slot->tensor) + i * size;
        for (int64_t k = 0; k < n * size; k += 64)
            __builtin_prefetch(at + k, 0, 2);
    }
}

static void run_tile(machine *m, int64_t i, int64_t n)
{
    const fuse_plan *p = m->p;
    if (p->prefetch && i + n < p->n)
        prefetch(m, i + n, tfx_cpu_min(p->tile, p->n - i - n));
    for (uint32_t s = 0; s < p->n_slots; s++)
        if (p->slots[s].kind == SLOT_EXTERN)
            m->at[s] = (const float *)tfx_cpu_at(m->ctx, p->slots[s].tensor) + i;
    for (uint32_t k = 0; k < p->n_instrs; k++) {
        const fuse_instr *in = &p->instrs[k];
        if (in->kind == INSTR_LOAD)
            load(m, in->dst, i, n);
        else if (in->kind == INSTR_SUM)
            m->sums[in->sum] +=
                m->step[in->a] ? tfx_cpu_tile_sum(n, m->at[in->a]) : (double)n * (double)*m->at[in->a];
        else
            compute(m, in, i, n);
    }
    for (uint32_t k = 0; k < p->n_stores; k++)
        store(m, &p->stores[k], i, n);
}

static void fuse_task(void *arg, int64_t chunk, int worker)
{
    const fuse_job *job = arg;
    const fuse_plan *p = job->p;
    char *scratch = tfx_cpu_scratch(job->ctx, worker);
    machine m = {.p = p,
                 .ctx = job->ctx,
                 .at = (const float **)scratch,
                 .step = (uint8_t *)(scratch + p->n_slots * sizeof(float *)),
                 .regs = (float *)(scratch + p->slot_bytes),
                 .sums = (double *)job->ctx->shared + chunk * p->n_sums};
    for (uint32_t s = 0; s < p->n_slots; s++) {
        m.step[s] = p->slots[s].kind == SLOT_EXTERN;
        if (p->slots[s].kind == SLOT_CONST)
            m.at[s] = &p->slots[s].constant;
    }
    for (uint32_t s = 0; s < p->n_sums; s++)
        m.sums[s] = 0.0;
    int64_t end = tfx_cpu_min(p->n_tiles, (chunk + 1) * p->tiles_per_chunk);
    for (int64_t t = chunk * p->tiles_per_chunk; t < end; t++) {
        int64_t within = t % p->tiles_per_row * p->tile;
        run_tile(&m, t / p->tiles_per_row * p->row + within, tfx_cpu_min(p->tile, p->row - within));
    }
}

void tfx_cpu_fused_run(const tfx_cpu_step *step, const tfx_cpu_ctx *ctx)
{
    const fuse_plan *p = step->plan;
    fuse_job job = {p, ctx};
    tfx_cpu_pool_run(ctx->pool, p->n_chunks, fuse_task, &job);
    const double *partial = (const double *)ctx->shared;
    for (uint32_t s = 0; s < p->n_sums; s++) {
        double sum = 0.0;
        for (int64_t k = 0; k < p->n_chunks; k++)
            sum += partial[k * p->n_sums + s];
        *(float *)tfx_cpu_at(ctx, p->sums[s]) = (float)sum;
    }
}
