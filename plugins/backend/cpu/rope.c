/* ROPE: rotary position embedding, half-split as in GPT-NeoX, with tables of cosines and
 * sines computed when the program is compiled, or, where positions are given, when they are known. The adjoint is the
 * rotation by the negative angle. */
#include "simd.h"

#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TASK 16384

typedef struct rope_args {
    const tfx_tensor *x, *positions, *out; /* positions: NULL, rows are at 0, 1, ... */
    int64_t time, heads, dims, half;       /* 2 * half dims are rotated */
    float sign;
    double base;
    tfx_cpu_rows rows; /* batch * time */
} rope_args;

TFX_CPU_CLONES static void rotate(int64_t half, const float *x, const float *cosines, const float *sines, float sign,
                                  float *out)
{
    TFX_CPU_IVDEP
    for (int64_t i = 0; i < half; i++) {
        float a = x[i], b = x[i + half], c = cosines[i], s = sines[i] * sign;
        out[i] = a * c - b * s;
        out[i + half] = b * c + a * s;
    }
}

/* [2][half]: cosines and sines at position t. */
static void fill_row(const rope_args *p, int64_t t, float *row)
{
    for (int64_t i = 0; i < p->half; i++) {
        double frequency = pow(p->base, -2.0 * (double)i / (double)(2 * p->half));
        row[i] = (float)cos((double)t * frequency);
        row[p->half + i] = (float)sin((double)t * frequency);
    }
}

static void rope_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const rope_args *p = args;
    const float *x = tfx_cpu_at(ctx, p->x);
    float *out = tfx_cpu_at(ctx, p->out);
    int64_t end = tfx_cpu_rows_end(&p->rows, task);
    for (int64_t r = task * p->rows.per_task; r < end; r++) {
        const float *cosines = ctx->table + r % p->time * 2 * p->half; /* [time][2][half]: cosines, sines */
        if (p->positions) {
            const int32_t *at = tfx_cpu_at(ctx, p->positions);
            fill_row(p, at[r], (float *)ctx->scratch);
            cosines = (const float *)ctx->scratch;
        }
        for (int64_t h = 0; h < p->heads; h++) {
            int64_t at = (r * p->heads + h) * p->dims, rest = at + 2 * p->half;
            rotate(p->half, x + at, cosines, cosines + p->half, p->sign, out + at);
            if (x != out)
                memcpy(out + rest, x + rest, (size_t)(p->dims - 2 * p->half) * sizeof(float));
        }
    }
}

static const char *rope_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *x = tfx_cpu_in(c, node, 0);
    if (x->dtype != TFX_F32 || tfx_cpu_out(c, node, 0)->dtype != TFX_F32 || x->n_dims != 4 ||
        !tfx_cpu_same_shape(x, tfx_cpu_out(c, node, 0)))
        return "rope takes and gives f32 [batch, time, heads, dims]";
    if (node->n_in > 1 && !tfx_cpu_are_positions(tfx_cpu_in(c, node, 1), x))
        return "rope: positions must be i32 [batch, time]";
    if (node->ints[0] < 0 || node->ints[0] % 2 || node->ints[0] > x->dims[3])
        return "rope: the number of rotated dims must be even and at most the head's";
    if ((node->ints[1] != 1 && node->ints[1] != -1) || !(node->reals[0] > 0))
        return "rope: sign must be 1 or -1 and base positive";
    return NULL;
}

static void rope_fill(const void *args, float *table)
{
    const rope_args *p = args;
    for (int64_t t = 0; t < p->time; t++)
        fill_row(p, t, table + t * 2 * p->half);
}

static tfx_status rope_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    rope_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->x = tfx_cpu_in(c, node, 0);
    p->positions = node->n_in > 1 ? tfx_cpu_in(c, node, 1) : NULL;
    p->out = tfx_cpu_out(c, node, 0);
    p->time = p->x->dims[1];
    p->heads = p->x->dims[2];
    p->dims = p->x->dims[3];
    p->half = node->ints[0] / 2;
    p->sign = (float)node->ints[1];
    p->base = node->reals[0];
    p->rows = tfx_cpu_divide_rows(p->x->dims[0] * p->time, p->heads * p->dims, TASK);
    out->n_tasks = tfx_cpu_row_tasks(&p->rows);
    out->task = rope_task;
    uint64_t row = (uint64_t)(2 * p->half) * sizeof(float);
    if (p->positions) {
        out->scratch = row;
    } else {
        out->table_bytes = (uint64_t)p->time * row;
        out->fill = rope_fill;
    }
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_rope_ops[] = {{TFX_OP_ROPE, 1, 2, 1, rope_check, rope_compile}, {0}};
