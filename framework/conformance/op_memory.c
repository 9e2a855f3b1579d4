#include "framework/conformance/op_memory.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "framework/plugin/calls/op_calls.h"

/* NULL: there is no memory. */
static char *aligned(uint64_t bytes, int filling)
{
    void *p = NULL;
    uint64_t all = (bytes + 63) / 64 * 64 + 2 * TFX_AREA_GUARD;
    if (posix_memalign(&p, 64, all))
        return NULL;
    memset(p, filling, all);
    return p;
}

static tfx_status make_area(tfx_op_area *a, uint64_t bytes, const void *data, int filling, const char *what,
                            tfx_error *err)
{
    *a = (tfx_op_area){aligned(bytes, filling), data ? aligned(bytes, filling) : NULL, bytes, filling};
    if (!a->room || (data && !a->copy))
        return tfx_fail(err, TFX_E_MEMORY, "there is no memory for %s, of %" PRIu64 " bytes", what, bytes);
    if (data) {
        memcpy(a->room + TFX_AREA_GUARD, data, bytes);
        memcpy(a->copy + TFX_AREA_GUARD, data, bytes);
    }
    return TFX_OK;
}

static void area_free(tfx_op_area *a)
{
    free(a->room);
    free(a->copy);
}

static int all_are(const char *p, uint64_t n, int byte)
{
    for (uint64_t i = 0; i < n; i++)
        if ((unsigned char)p[i] != byte)
            return 0;
    return 1;
}

/* Whether what is around an area is as it was. */
static int area_is_guarded(const tfx_op_area *a)
{
    return !a->room || (all_are(a->room, TFX_AREA_GUARD, a->filling) &&
                        all_are(a->room + TFX_AREA_GUARD + a->bytes, TFX_AREA_GUARD, a->filling));
}

tfx_status tfx_op_memory_make(tfx_op_memory *m, const tfx_op_class *cls, const tfx_op_case *c, const tfx_kernel *kernel,
                              tfx_bench *b, const tfx_value *x, tfx_error *err)
{
    *m = (tfx_op_memory){.cls = cls, .c = c, .kernel = kernel};
    /* What is around operands is a NaN, so that what reads it shows; elsewhere it is none, so that what writes one does. */
    for (uint32_t i = 0; i < c->n_in && err->status == TFX_OK; i++) {
        uint64_t n = tfx_shape_elements(c->in[i].n_dims, c->in[i].dims);
        m->in_info[i] = &c->in[i];
        make_area(&m->in[i], n * tfx_dtype_bytes(c->in[i].dtype), tfx_bench_data(b, tfx_bench_index(b, x[i])), 0xff,
                  "an operand", err);
    }
    for (uint32_t k = 0; k < c->n_out && err->status == TFX_OK; k++) {
        m->out_info[k] = &c->out[k];
        make_area(&m->out[k], tfx_shape_elements(c->out[k].n_dims, c->out[k].dims) * sizeof(float), NULL, 0x5a,
                  "a result", err);
    }
    if (err->status != TFX_OK)
        return err->status;
    uint64_t shared = tfx_call_kernel_scratch(cls, kernel, c->n_in, m->in_info, c->ints, c->reals, err);
    m->own = tfx_call_kernel_part_scratch(cls, kernel, c->n_in, m->in_info, c->ints, c->reals, err);
    if (shared && err->status == TFX_OK)
        make_area(&m->scratch, shared, NULL, 0x5a, "what `scratch` asks for", err);
    if (m->own && err->status == TFX_OK)
        make_area(&m->part_scratch[0], m->own, NULL, 0x5a, "what `part_scratch` asks for", err);
    return err->status;
}

void tfx_op_memory_free(tfx_op_memory *m)
{
    for (uint32_t i = 0; i < m->c->n_in; i++)
        area_free(&m->in[i]);
    for (uint32_t k = 0; k < m->c->n_out; k++)
        area_free(&m->out[k]);
    area_free(&m->scratch);
    for (uint32_t part = 0; part < TFX_MOST_PARTS; part++)
        area_free(&m->part_scratch[part]);
}

typedef struct share {
    tfx_op_memory *m;
    uint32_t part, n_parts, phase;
} share;

static void *inside(const tfx_op_area *a)
{
    return a->room ? a->room + TFX_AREA_GUARD : NULL;
}

static void *compute_share(void *arg)
{
    const share *p = arg;
    tfx_op_memory *m = p->m;
    const void *in[TFX_CASE_OPERANDS];
    void *out[TFX_MAX_OP_RESULTS];
    for (uint32_t i = 0; i < m->c->n_in; i++)
        in[i] = inside(&m->in[i]);
    for (uint32_t k = 0; k < m->c->n_out; k++)
        out[k] = m->left_out >> k & 1 ? NULL : inside(&m->out[k]);
    if (m->part_scratch[p->part].room)
        memset(inside(&m->part_scratch[p->part]), 0xff, m->part_scratch[p->part].bytes);
    const tfx_kernel_args args = {.struct_size = sizeof(args),
                                  .n_in = m->c->n_in,
                                  .in = in,
                                  .in_info = m->in_info,
                                  .out = out[0],
                                  .out_info = m->out_info[0],
                                  .ints = m->c->ints,
                                  .reals = m->c->reals,
                                  .part = p->part,
                                  .n_parts = p->n_parts,
                                  .n_out = m->c->n_out,
                                  .outs = out,
                                  .outs_info = m->out_info,
                                  .phase = p->phase,
                                  .scratch = inside(&m->scratch),
                                  .part_scratch = inside(&m->part_scratch[p->part])};
    tfx_call_kernel_run(m->cls, m->kernel, &args);
    return NULL;
}

/* Memory of their own for so many parts. Where there is none the kernel gets NULL. */
static void give_own(tfx_op_memory *m, uint32_t n_parts)
{
    tfx_error none = {0};
    for (uint32_t part = 1; m->own && part < n_parts; part++)
        if (!m->part_scratch[part].room)
            make_area(&m->part_scratch[part], m->own, NULL, 0x5a, "a part", &none);
}

/* Results and shared memory become NaN. */
static void forget(tfx_op_memory *m)
{
    for (uint32_t k = 0; k < m->c->n_out; k++)
        memset(inside(&m->out[k]), 0xff, m->out[k].bytes);
    if (m->scratch.room)
        memset(inside(&m->scratch), 0xff, m->scratch.bytes);
}

void tfx_op_memory_compute_part(tfx_op_memory *m, uint32_t part, uint32_t n_parts)
{
    share alone = {m, part, n_parts, 0};
    forget(m);
    give_own(m, n_parts);
    compute_share(&alone);
}

void tfx_op_memory_compute(tfx_op_memory *m, uint32_t n_parts, int at_once)
{
    pthread_t threads[TFX_MOST_PARTS];
    share shares[TFX_MOST_PARTS];
    uint32_t n_phases = TFX_HAS(m->kernel, n_phases) ? m->kernel->n_phases : 1;
    forget(m);
    give_own(m, n_parts);
    for (uint32_t phase = 0; phase < n_phases; phase++) {
        for (uint32_t k = 0; k < n_parts; k++) {
            uint32_t part = n_parts - 1 - k;
            shares[part] = (share){m, part, n_parts, phase};
            if (!at_once || pthread_create(&threads[part], NULL, compute_share, &shares[part])) {
                compute_share(&shares[part]);
                threads[part] = 0;
            }
        }
        for (uint32_t k = 0; k < n_parts && at_once; k++)
            if (threads[k])
                pthread_join(threads[k], NULL);
    }
}

const char *tfx_op_memory_trespass(const tfx_op_memory *m)
{
    for (uint32_t i = 0; i < m->c->n_in; i++)
        if (!area_is_guarded(&m->in[i]))
            return "next to an operand";
        else if (memcmp(m->in[i].room + TFX_AREA_GUARD, m->in[i].copy + TFX_AREA_GUARD, m->in[i].bytes))
            return "into an operand";
    for (uint32_t k = 0; k < m->c->n_out; k++)
        if (!area_is_guarded(&m->out[k]))
            return "outside of its result";
    int guarded = area_is_guarded(&m->scratch);
    for (uint32_t part = 0; part < TFX_MOST_PARTS; part++)
        guarded &= area_is_guarded(&m->part_scratch[part]);
    return guarded ? NULL : "outside of its scratch memory";
}
