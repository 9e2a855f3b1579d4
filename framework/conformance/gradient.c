/* The loss is sum(out * w) with fixed random w, summed in double precision. Along a direction v of +1 and -1 its derivative
 * is g . v, which has the size of |g| whatever g is: so the error as a share of |g| shows a single wrong element. By
 * Richardson's rule, (4 D(h/2) - D(h)) / 3 of central differences D, it is known but for terms of the fifth derivative;
 * where a function has kinks, or is steep, a smaller h is better, and where numbers are large a larger one. */
#include "framework/conformance/gradient.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/graph/autodiff.h"

enum { DIRECTIONS = 3 };
static const double distances[] = {0x1p-6, 0x1p-8, 0x1p-10, 0x1p-4, 0x1p-12};
enum { N_DISTANCES = sizeof(distances) / sizeof(*distances) };

/* Below that, what is compared is rounding: the gradient of a normalised row of one element, which is zero. */
#define LEAST_SIZE 1e-2

typedef struct differences {
    tfx_bench *b;
    tfx_bench_program forward;
    const float *weights;
    float *out;
    uint64_t n_out;
} differences;

static double sign_of(uint32_t direction, uint64_t i)
{
    return tfx_random_u64(direction, 0x5163, i) & 1 ? 1 : -1;
}

static double loss_at(differences *d, uint32_t tensor, uint32_t direction, double h)
{
    uint64_t n = d->b->state.tensors[tensor].elements;
    float *x = tfx_bench_data(d->b, tensor), *was = TFX_NEW_ARRAY(float, n);
    double loss = 0;
    memcpy(was, x, n * sizeof(*x));
    for (uint64_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] + h * sign_of(direction, i));
    tfx_bench_execute(d->b, &d->forward);
    memcpy(x, was, n * sizeof(*x));
    free(was);
    tfx_bench_output(d->b, &d->forward, 0, d->out);
    for (uint64_t i = 0; i < d->n_out; i++)
        loss += (double)d->out[i] * (double)d->weights[i];
    return loss;
}

static double central(differences *d, uint32_t tensor, uint32_t direction, double h)
{
    return (loss_at(d, tensor, direction, h) - loss_at(d, tensor, direction, -h)) / (2 * h);
}

/* Of one tensor, whose gradient is g. */
static void compare(differences *d, uint32_t tensor, const float *g, tfx_gradient_check *r)
{
    uint64_t n = d->b->state.tensors[tensor].elements;
    double size = 0;
    for (uint64_t i = 0; i < n; i++)
        size += (double)g[i] * (double)g[i];
    size = sqrt(size);
    for (uint32_t direction = 0; direction < DIRECTIONS; direction++) {
        double along = 0, best = INFINITY, nearest = 0;
        for (uint64_t i = 0; i < n; i++)
            along += (double)g[i] * sign_of(direction, i);
        for (int k = 0; k < N_DISTANCES && !(best < TFX_GRADIENT_TOLERANCE / 5); k++) {
            double h = distances[k];
            double slope = (4 * central(d, tensor, direction, h / 2) - central(d, tensor, direction, h)) / 3;
            double scale = fmax(fmax(size, fabs(slope)), LEAST_SIZE), off = fabs(slope - along) / scale;
            if (off < best || (!isfinite(off) && !isfinite(best))) {
                best = off;
                nearest = slope;
            }
        }
        if (!(best <= r->worst)) {
            r->worst = best;
            r->tensor = d->b->state.tensors[tensor].name;
            r->expected = nearest;
            r->found = along;
        }
    }
}

tfx_status tfx_gradient_compare(tfx_bench *b, tfx_value out, const tfx_value *wrt, uint32_t n, tfx_gradient_check *r)
{
    differences d = {.b = b};
    tfx_value *grads = TFX_NEW_ARRAY(tfx_value, n);
    tfx_bench_program backward = {0};
    *r = (tfx_gradient_check){0};
    tfx_value w = tfx_bench_tensor(b, TFX_STATE_INPUT, "/weights", TFX_F32, b->g.values[out].n_dims,
                                   b->g.values[out].dims);
    tfx_bench_fill(b, tfx_bench_index(b, w), 3, -1, 1);
    tfx_autodiff(&b->g, tfx_emit_binary(&b->g, TFX_OP_MUL, out, w), 1.0, wrt, n, grads);
    for (uint32_t i = 0; i < n && b->err->status == TFX_OK && !r->without; i++)
        if (!grads[i])
            r->without = b->state.tensors[tfx_bench_index(b, wrt[i])].name;
    if (b->err->status == TFX_OK && !r->without && tfx_bench_compile(b, &backward, grads, n, 1) == TFX_OK &&
        tfx_bench_compile(b, &d.forward, &out, 1, 1) == TFX_OK && tfx_bench_execute(b, &backward) == TFX_OK) {
        d.n_out = tfx_bench_count(&d.forward, 0);
        d.out = TFX_NEW_ARRAY(float, d.n_out);
        d.weights = tfx_bench_data(b, tfx_bench_index(b, w));
        for (uint32_t i = 0; i < n; i++) {
            float *g = TFX_NEW_ARRAY(float, tfx_bench_count(&backward, i));
            tfx_bench_output(b, &backward, i, g);
            compare(&d, tfx_bench_index(b, wrt[i]), g, r);
            free(g);
        }
        free(d.out);
    }
    tfx_bench_program_finish(b, &backward);
    tfx_bench_program_finish(b, &d.forward);
    free(grads);
    return b->err->status;
}

int tfx_stops_gradients(const tfx_graph *g)
{
    for (uint32_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op == TFX_OP_RESHAPE && g->nodes[i].ints[0])
            return 1;
    return 0;
}
