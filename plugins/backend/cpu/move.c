/* Movement: PERMUTE, and SLICE, PAD and CONCAT, which copy slabs.
 *
 * A slab op divides a tensor at one axis into [outer][axis][inner]: seen as rows of
 * axis * inner consecutive elements, all it does is copy pieces of rows. PERMUTE merges the
 * dimensions that stay neighbours; what remains is either rows that stay consecutive, or a
 * transposition, done in blocks so that both sides are read and written in whole cache
 * lines. */
#include "simd.h"

#include "kernels.h"

#include <stdlib.h>
#include <string.h>

/* Elements per task. */
#define TASK 32768
/* A block of a transposition: lines of x (16 floats are a cache line) by columns. */
#define LINES 16
#define COLS 64

/* ---- slabs ---- */

/* One operand's piece of each row. */
typedef struct slab_piece {
    const tfx_tensor *t;
    int64_t from, stride; /* in the operand's rows, in bytes */
    int64_t to, bytes;    /* in the result's rows */
} slab_piece;

typedef struct slab_args {
    const tfx_tensor *out;
    tfx_cpu_rows rows;
    int64_t row_bytes;
    int64_t zero_before, zero_from; /* PAD: zeros in [0, before) and [from, row_bytes) */
    uint32_t n_pieces;
    slab_piece pieces[];
} slab_args;

static void slab_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const slab_args *p = args;
    char *out = tfx_cpu_at(ctx, p->out);
    int64_t end = tfx_cpu_rows_end(&p->rows, task);
    for (int64_t r = task * p->rows.per_task; r < end; r++) {
        char *row = out + r * p->row_bytes;
        memset(row, 0, (size_t)p->zero_before);
        memset(row + p->zero_from, 0, (size_t)(p->row_bytes - p->zero_from));
        for (uint32_t i = 0; i < p->n_pieces; i++) {
            const slab_piece *s = &p->pieces[i];
            const char *src = tfx_cpu_at(ctx, s->t);
            memcpy(row + s->to, src + r * s->stride + s->from, (size_t)s->bytes);
        }
    }
}

static const char *slab_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *y = tfx_cpu_out(c, node, 0);
    int64_t axis = node->ints[0], sum = 0;
    if (axis < 0 || axis >= (int64_t)y->n_dims)
        return "an axis out of range";
    for (uint32_t i = 0; i < node->n_in; i++) {
        const tfx_tensor *x = tfx_cpu_in(c, node, i);
        if (x->dtype != y->dtype || x->n_dims != y->n_dims)
            return "movement keeps dtype and rank";
        for (uint32_t d = 0; d < y->n_dims; d++)
            if ((int64_t)d != axis && x->dims[d] != y->dims[d])
                return "only the named axis may change its size";
        sum += x->dims[axis];
    }
    if (node->op == TFX_OP_CONCAT)
        return sum == y->dims[axis] ? NULL : "concat's operands do not fill its result";
    int64_t start = node->ints[1], big = y->dims[axis], small = sum;
    if (node->op == TFX_OP_SLICE)
        big = sum, small = y->dims[axis];
    return start >= 0 && start <= big && small <= big - start ? NULL : "a slice outside its tensor";
}

static tfx_status slab_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    slab_args *p = out->args = calloc(1, sizeof(*p) + node->n_in * sizeof(slab_piece));
    if (!p)
        return TFX_E_MEMORY;
    const tfx_tensor *y = tfx_cpu_out(c, node, 0);
    uint32_t axis = (uint32_t)node->ints[0];
    int64_t element = (int64_t)tfx_cpu_dtype_bytes(y->dtype);
    int64_t inner = tfx_cpu_product(y->dims, axis + 1, y->n_dims) * element;
    p->out = y;
    p->row_bytes = y->dims[axis] * inner;
    p->zero_from = p->row_bytes;
    p->n_pieces = node->n_in;
    int64_t at = 0;
    for (uint32_t i = 0; i < node->n_in; i++) {
        const tfx_tensor *x = tfx_cpu_in(c, node, i);
        slab_piece *s = &p->pieces[i];
        *s = (slab_piece){.t = x, .stride = x->dims[axis] * inner, .to = at, .bytes = x->dims[axis] * inner};
        at += s->bytes;
        if (node->op == TFX_OP_SLICE) {
            s->from = node->ints[1] * inner;
            s->bytes = p->row_bytes;
        } else if (node->op == TFX_OP_PAD) {
            s->to = node->ints[1] * inner;
            p->zero_before = s->to;
            p->zero_from = s->to + s->bytes;
        }
    }
    /* A single long row is cut where it can be: SLICE on the outermost axis is one memcpy. */
    int64_t rows = p->row_bytes ? tfx_cpu_product(y->dims, 0, axis) : 0;
    p->rows = tfx_cpu_divide_rows(rows, p->row_bytes / element, TASK);
    out->n_tasks = tfx_cpu_row_tasks(&p->rows);
    out->task = slab_task;
    return TFX_OK;
}

/* ---- permute ---- */

/* out[i0]..[in] (consecutive) = x at sum of i * stride. */
typedef struct permute_args {
    const tfx_tensor *x, *out;
    int bytes; /* of an element: 2 or 4 */
    uint32_t n_outer;
    int64_t outer[TFX_MAX_DIMS], from[TFX_MAX_DIMS], to[TFX_MAX_DIMS]; /* dims and strides */
    int64_t cols;                                                      /* the innermost dimension of out */
    int64_t col_stride;                                                /* its stride in x; 1: rows are copied whole */
    int64_t lines, line_to; /* transposition: x's innermost dimension and its stride in out */
    tfx_cpu_rows rows;
} permute_args;

/* out[j * to + i] = x[j + i * from]. Source lines are read whole into a block that stays in
 * the first-level cache, even when their distance makes them compete for one cache set, and
 * result lines are written whole from it. */
#define TRANSPOSE(name, type) \
    TFX_CPU_CLONES static void name(const type *x, int64_t from, type *out, int64_t to, int64_t lines, int64_t cols) \
    { \
        type block[LINES][COLS]; \
        for (int64_t j = 0; j < lines; j += LINES) \
            for (int64_t i = 0; i < cols; i += COLS) { \
                int64_t nj = tfx_cpu_min(LINES, lines - j), ni = tfx_cpu_min(COLS, cols - i); \
                for (int64_t k = 0; k < ni; k++) \
                    for (int64_t l = 0; l < nj; l++) \
                        block[l][k] = x[j + l + (i + k) * from]; \
                for (int64_t l = 0; l < nj; l++) \
                    memcpy(&out[(j + l) * to + i], block[l], (size_t)ni * sizeof(type)); \
            } \
    }

TRANSPOSE(transpose_4, uint32_t)
TRANSPOSE(transpose_2, uint16_t)

static void transpose(const permute_args *p, const char *x, char *out)
{
    if (p->bytes == 4)
        transpose_4((const uint32_t *)x, p->col_stride, (uint32_t *)out, p->line_to, p->lines, p->cols);
    else
        transpose_2((const uint16_t *)x, p->col_stride, (uint16_t *)out, p->line_to, p->lines, p->cols);
}

static void permute_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const permute_args *p = args;
    const char *all_x = tfx_cpu_at(ctx, p->x);
    char *all_out = tfx_cpu_at(ctx, p->out);
    int64_t end = tfx_cpu_rows_end(&p->rows, task);
    for (int64_t r = task * p->rows.per_task; r < end; r++) {
        int64_t rest = r, from = 0, to = 0;
        for (uint32_t d = p->n_outer; d-- > 0;) {
            int64_t i = rest % p->outer[d];
            rest /= p->outer[d];
            from += i * p->from[d];
            to += i * p->to[d];
        }
        const char *x = all_x + from * p->bytes;
        char *out = all_out + to * p->bytes;
        if (p->col_stride == 1)
            memcpy(out, x, (size_t)(p->cols * p->bytes));
        else
            transpose(p, x, out);
    }
}

/* Cuts a long dimension into an outer one of pieces and an inner one, if it divides. */
static void cut_lines(permute_args *p)
{
    int64_t piece = p->lines;
    while (piece % 2 == 0 && piece > LINES && piece * p->cols > TASK)
        piece /= 2;
    if (piece == p->lines)
        return;
    p->outer[p->n_outer] = p->lines / piece;
    p->from[p->n_outer] = piece;
    p->to[p->n_outer] = piece * p->line_to;
    p->n_outer++;
    p->lines = piece;
}

static const char *permute_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *x = tfx_cpu_in(c, node, 0), *y = tfx_cpu_out(c, node, 0);
    if (x->dtype != y->dtype || x->n_dims != y->n_dims)
        return "movement keeps dtype and rank";
    unsigned seen = 0;
    for (uint32_t i = 0; i < x->n_dims; i++) {
        int64_t a = node->ints[i];
        if (a < 0 || a >= (int64_t)x->n_dims || (seen & 1u << a) || y->dims[i] != x->dims[a])
            return "permute needs every axis once and the result's shape to follow";
        seen |= 1u << a;
    }
    return NULL;
}

static tfx_status permute_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    permute_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    const tfx_tensor *x = tfx_cpu_in(c, node, 0), *y = tfx_cpu_out(c, node, 0);
    p->x = x;
    p->out = y;
    p->bytes = (int)tfx_cpu_dtype_bytes(y->dtype);

    /* Dimensions of out with their strides in x, neighbours that stay neighbours merged. */
    tfx_cpu_view v = {0};
    for (uint32_t i = 0; i < y->n_dims; i++)
        tfx_cpu_view_add(&v, y->dims[i], tfx_cpu_product(x->dims, (uint32_t)node->ints[i] + 1, x->n_dims));
    if (v.n_dims == 0) /* a single number */
        v = (tfx_cpu_view){.n_dims = 1, .dims = {1}, .strides = {1}};
    uint32_t last = v.n_dims - 1;
    p->cols = v.dims[last];
    p->col_stride = v.strides[last];
    p->lines = 1;
    for (uint32_t d = 0; d < last; d++) {
        int64_t to = tfx_cpu_product(v.dims, d + 1, v.n_dims);
        if (p->col_stride != 1 && v.strides[d] == 1) {
            p->lines = v.dims[d];
            p->line_to = to;
            continue;
        }
        p->outer[p->n_outer] = v.dims[d];
        p->from[p->n_outer] = v.strides[d];
        p->to[p->n_outer++] = to;
    }
    if (p->col_stride != 1 && p->n_outer < TFX_MAX_DIMS)
        cut_lines(p);
    int64_t rows = tfx_cpu_count(y) ? tfx_cpu_product(p->outer, 0, p->n_outer) : 0;
    p->rows = tfx_cpu_divide_rows(rows, p->cols * p->lines, TASK);
    out->n_tasks = tfx_cpu_row_tasks(&p->rows);
    out->task = permute_task;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_move_ops[] = {{TFX_OP_PERMUTE, 1, 1, 1, permute_check, permute_compile},
                                       {TFX_OP_SLICE, 1, 1, 1, slab_check, slab_compile},
                                       {TFX_OP_PAD, 1, 1, 1, slab_check, slab_compile},
                                       {TFX_OP_CONCAT, 1, UINT32_MAX, 1, slab_check, slab_compile},
                                       {0}};
