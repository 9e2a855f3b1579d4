/* Pointwise ops: compiles a group of them to a small program on tiles. This file turns nodes
 * into instructions on cells; pointwise_passes.c decides where each cell lives.
 *
 * Operands in memory are used in place where they are plain f32. */
#include "pointwise.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* ---- memory of the arguments: one block, so that free() is enough ---- */

static pointwise_args *args_create(uint32_t n_nodes, uint32_t n_operands)
{
    /* Upper bounds: an instruction per node plus a load per operand; as many cells, and a derivative per node; a store per node
     * and one per result. */
    size_t n_cells = 2 * (size_t)n_nodes + n_operands, n_instrs = (size_t)n_nodes + n_operands,
           n_stores = 2 * (size_t)n_nodes;
    pointwise_args *p = calloc(1, sizeof(*p) + n_cells * sizeof(pointwise_cell) + n_instrs * sizeof(pointwise_instr) +
                                      n_stores * sizeof(pointwise_store) + n_nodes * sizeof(tfx_tensor *));
    if (!p)
        return NULL;
    p->cells = (pointwise_cell *)(p + 1);
    p->instrs = (pointwise_instr *)(p->cells + n_cells);
    p->stores = (pointwise_store *)(p->instrs + n_instrs);
    p->sums = (const tfx_tensor **)(p->stores + n_stores);
    return p;
}

/* ---- views ---- */

/* x broadcast to y's shape, dimensions merged where strides allow. */
static tfx_cpu_view make_view(const tfx_tensor *x, const tfx_tensor *y)
{
    int64_t strides[TFX_MAX_DIMS] = {0};
    int64_t stride = 1;
    for (uint32_t i = 0; i < x->n_dims; i++) {
        uint32_t d = x->n_dims - 1 - i;
        if (x->dims[d] != 1)
            strides[y->n_dims - 1 - i] = stride;
        stride *= x->dims[d];
    }
    tfx_cpu_view v = {0};
    for (uint32_t i = 0; i < y->n_dims; i++)
        tfx_cpu_view_add(&v, y->dims[i], strides[i]);
    if (v.n_dims == 1 && v.strides[0] == 0)
        v.n_dims = 0;
    return v;
}

static int is_plain(const tfx_cpu_view *v, int64_t n)
{
    return n == 1 || (v->n_dims == 1 && v->strides[0] == 1);
}

/* ---- cells ---- */

static int find_cell(const pointwise_args *p, tfx_value v)
{
    for (uint32_t i = p->n_cells; i-- > 0;)
        if (p->cells[i].value == v)
            return (int)i;
    return -1;
}

static int add_cell(pointwise_args *p, cell_kind kind, tfx_value v, const tfx_tensor *t)
{
    p->cells[p->n_cells] = (pointwise_cell){
        .kind = kind, .value = v, .tensor = t, .reg = -1, .first_use = -1, .last_use = -1};
    return (int)p->n_cells++;
}

static pointwise_instr *add_instr(pointwise_args *p, instr_kind kind, int dst, int a, int b)
{
    pointwise_instr *in = &p->instrs[p->n_instrs++];
    *in = (pointwise_instr){.kind = kind, .dst = dst, .a = a, .b = b, .slope = -1};
    return in;
}

/* Reads memory into a cell; `view` NULL: at the element's own index. */
static int add_load(pointwise_args *p, tfx_value v, const tfx_tensor *t, const tfx_cpu_view *view)
{
    int s = add_cell(p, CELL_LOADED, v, t);
    p->cells[s].view = view ? *view : (tfx_cpu_view){.n_dims = 1, .dims = {p->n}, .strides = {1}};
    add_instr(p, INSTR_LOAD, s, -1, -1);
    return s;
}

/* The cell of an operand: computed before in the group, or memory read here for the first
 * time. */
static int operand(const tfx_cpu_compiler *c, pointwise_args *p, tfx_value v)
{
    int s = find_cell(p, v);
    if (s >= 0)
        return s;
    const tfx_tensor *t = c->program->tensors[v];
    return t->dtype == TFX_F32 ? add_cell(p, CELL_EXTERN, v, t) : add_load(p, v, t, NULL);
}

/* ---- nodes ---- */

/* Value v is what cell s holds. */
static void name_cell(pointwise_args *p, int s, tfx_value v)
{
    int name = add_cell(p, CELL_NAME, v, NULL);
    p->cells[name].same_as = s;
}

static int resolve(const pointwise_args *p, int s)
{
    return p->cells[s].kind == CELL_NAME ? p->cells[s].same_as : s;
}

static void compile_broadcast(const tfx_cpu_compiler *c, pointwise_args *p, const tfx_node *node)
{
    const tfx_tensor *x = tfx_cpu_in(c, node, 0), *y = tfx_cpu_out(c, node, 0);
    int made_here = find_cell(p, node->in[0]);
    tfx_cpu_view view = make_view(x, y);
    if (made_here >= 0) /* of the domain's size, so nothing is stretched */
        name_cell(p, resolve(p, made_here), node->out[0]);
    else if (is_plain(&view, p->n) && x->dtype == TFX_F32)
        add_cell(p, CELL_EXTERN, node->out[0], x);
    else
        add_load(p, node->out[0], x, &view);
}

static void compile_node(const tfx_cpu_compiler *c, pointwise_args *p, const tfx_node *node)
{
    if (node->op == TFX_OP_CONST) {
        int s = add_cell(p, CELL_CONST, node->out[0], NULL);
        p->cells[s].constant = (float)node->reals[0];
        return;
    }
    if (node->op == TFX_OP_BROADCAST) {
        compile_broadcast(c, p, node);
        return;
    }
    int a = resolve(p, operand(c, p, node->in[0]));
    if (node->op == TFX_OP_STORE) {
        p->stores[p->n_stores++] = (pointwise_store){a, tfx_cpu_in(c, node, 1)};
        return;
    }
    if (node->op == TFX_OP_SUM) {
        add_instr(p, INSTR_SUM, -1, a, -1)->sum = p->n_sums;
        p->sums[p->n_sums++] = tfx_cpu_out(c, node, 0);
        return;
    }
    if (tfx_cpu_is_row_op(node->op)) {
        int dy = node->n_in > 1 ? resolve(p, operand(c, p, node->in[1])) : -1;
        int result = add_cell(p, CELL_COMPUTED, node->out[0], NULL);
        pointwise_instr *in = add_instr(p, INSTR_ROWS, result, a, dy);
        in->op = node->op;
        in->per_index = 1;
        in->rows = tfx_cpu_row_op_of(c, node);
        p->cols = in->rows.cols;
        return;
    }
    const tfx_tensor *y = tfx_cpu_out(c, node, 0);
    if (node->op == TFX_OP_CAST && (y->dtype == TFX_F32 || tfx_cpu_in(c, node, 0)->dtype == y->dtype)) {
        name_cell(p, a, node->out[0]);
        return;
    }
    const tfx_cpu_tile_fn *binary = node->op == TFX_OP_UNARY_GRAD ? tfx_cpu_tile_unary_grad((tfx_unary)node->ints[0])
                                    : node->op == TFX_OP_COMPARE  ? tfx_cpu_tile_compare((tfx_compare)node->ints[0])
                                                                  : tfx_cpu_tile_binary(node->op);
    int b = binary ? resolve(p, operand(c, p, node->in[1])) : -1;
    int result = add_cell(p, CELL_COMPUTED, node->out[0], NULL);
    pointwise_instr *in = add_instr(p, binary ? INSTR_BINARY : INSTR_UNARY, result, a, b);
    in->op = node->op;
    in->binary = binary;
    in->function = (tfx_unary)node->ints[0];
    in->round_bf16 = y->dtype == TFX_BF16 && node->op != TFX_OP_CAST;
    if (node->op == TFX_OP_CAST) {
        in->unary = tfx_cpu_tile_round_bf16;
    } else if (node->op == TFX_OP_UNARY) {
        in->unary = tfx_cpu_tile_unary((tfx_unary)node->ints[0]);
    } else if (node->op == TFX_OP_AFFINE) {
        in->unary = tfx_cpu_tile_affine;
        in->scale = (float)node->reals[0];
        in->shift = (float)node->reals[1];
    } else if (node->op == TFX_OP_DROPOUT) {
        in->unary = tfx_cpu_tile_dropout;
        in->scale = (float)(1.0 / (1.0 - node->reals[0]));
        in->key = tfx_cpu_in(c, node, 1);
        in->stream = (uint64_t)node->ints[0];
        in->threshold = (uint64_t)ceil(node->reals[0] * 0x1p32);
        in->per_index = 1;
    }
}

/* A value that is read after the group is written to its place. */
static void add_output(const tfx_cpu_compiler *c, pointwise_args *p, const tfx_node *node)
{
    if (node->op == TFX_OP_STORE || node->op == TFX_OP_SUM)
        return;
    const tfx_tensor *y = tfx_cpu_out(c, node, 0);
    if (y->buffer == TFX_BUFFER_NONE)
        return;
    int cell = find_cell(p, node->out[0]);
    assert(cell >= 0);
    p->stores[p->n_stores++] = (pointwise_store){resolve(p, cell), y};
}

/* ---- checking ---- */

static int is_float(const tfx_tensor *t)
{
    return t->dtype == TFX_F32 || t->dtype == TFX_BF16;
}

/* f32 and bf16, the data operands and the result (of a STORE, its operand) of one shape. */
static const char *check_floats(const tfx_cpu_compiler *c, const tfx_node *node)
{
    uint32_t n_data = node->op == TFX_OP_DROPOUT ? 1 : node->n_in;
    for (uint32_t i = 0; i < n_data; i++)
        if (!is_float(tfx_cpu_in(c, node, i)))
            return "pointwise ops take f32 and bf16";
    if (node->n_out && !is_float(tfx_cpu_out(c, node, 0)))
        return "pointwise ops give f32 and bf16";
    int64_t n = tfx_cpu_count(node->n_out ? tfx_cpu_out(c, node, 0) : tfx_cpu_in(c, node, 0));
    for (uint32_t i = 0; i < n_data; i++)
        if (node->op != TFX_OP_BROADCAST && tfx_cpu_count(tfx_cpu_in(c, node, i)) != n)
            return "the operands of a pointwise op must have one shape";
    return NULL;
}

static const char *check_unary(const tfx_cpu_compiler *c, const tfx_node *node)
{
    int64_t last = node->op == TFX_OP_UNARY ? TFX_SIGN : TFX_GELU_TANH;
    if (node->ints[0] < TFX_NEG || node->ints[0] > last)
        return "an unknown unary function";
    return check_floats(c, node);
}

static const char *check_compare(const tfx_cpu_compiler *c, const tfx_node *node)
{
    if (node->ints[0] < TFX_LESS || node->ints[0] > TFX_GREATER)
        return "an unknown comparison";
    return check_floats(c, node);
}

static const char *check_dropout(const tfx_cpu_compiler *c, const tfx_node *node)
{
    if (tfx_cpu_in(c, node, 1)->dtype != TFX_I32 || tfx_cpu_count(tfx_cpu_in(c, node, 1)) != 2)
        return "dropout's key must be two i32 numbers";
    if (!(node->reals[0] >= 0.0 && node->reals[0] < 1.0))
        return "dropout's probability must be in [0, 1)";
    return check_floats(c, node);
}

static const char *check_broadcast(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *x = tfx_cpu_in(c, node, 0), *y = tfx_cpu_out(c, node, 0);
    if (x->n_dims > y->n_dims)
        return "broadcast cannot drop dimensions";
    for (uint32_t i = 0; i < x->n_dims; i++) {
        int64_t from = x->dims[i], to = y->dims[y->n_dims - x->n_dims + i];
        if (from != to && from != 1)
            return "broadcast stretches dimensions of size 1 only";
    }
    return check_floats(c, node);
}

/* ---- compiling ---- */

tfx_status tfx_cpu_compile_pointwise(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    uint32_t n_operands = 0;
    for (uint32_t i = 0; i < step->n_nodes; i++)
        n_operands += step->nodes[i]->n_in;
    pointwise_args *p = args_create(step->n_nodes, n_operands);
    if (!p)
        return TFX_E_MEMORY;
    out->args = p;
    const tfx_node *first = step->nodes[0];
    if (step->n_nodes > 1)
        p->n = tfx_cpu_product(step->dims, 0, step->n_dims);
    else
        p->n = tfx_cpu_count(first->op == TFX_OP_STORE ? tfx_cpu_in(c, first, 0) : tfx_cpu_out(c, first, 0));

    for (uint32_t i = 0; i < step->n_nodes; i++)
        compile_node(c, p, step->nodes[i]);
    for (uint32_t i = 0; i < step->n_nodes; i++)
        add_output(c, p, step->nodes[i]);
    tfx_cpu_pointwise_share(p);
    if (tfx_cpu_pointwise_place(p) != TFX_OK)
        return TFX_E_MEMORY;
    out->scratch = p->cell_bytes + p->stats_bytes + (uint64_t)p->n_regs * (uint64_t)p->reg_stride * sizeof(float);
    out->shared = (uint64_t)p->n_chunks * p->n_sums * sizeof(double);
    out->n_tasks = p->n_chunks;
    out->task = tfx_cpu_pointwise_task;
    out->finish = tfx_cpu_pointwise_finish;
    return TFX_OK;
}

#define ROW(op, n_in, n_out, check) \
    { \
        op, n_in, n_in, n_out, check, tfx_cpu_compile_pointwise \
    }

const tfx_cpu_op tfx_cpu_pointwise_ops[] = {
    ROW(TFX_OP_STORE, 2, 0, check_floats),        ROW(TFX_OP_CONST, 0, 1, check_floats),
    ROW(TFX_OP_ADD, 2, 1, check_floats),          ROW(TFX_OP_SUB, 2, 1, check_floats),
    ROW(TFX_OP_MUL, 2, 1, check_floats),          ROW(TFX_OP_DIV, 2, 1, check_floats),
    ROW(TFX_OP_MAX, 2, 1, check_floats),          ROW(TFX_OP_MIN, 2, 1, check_floats),
    ROW(TFX_OP_COMPARE, 2, 1, check_compare),     ROW(TFX_OP_AFFINE, 1, 1, check_floats),
    ROW(TFX_OP_UNARY, 1, 1, check_unary),         ROW(TFX_OP_UNARY_GRAD, 2, 1, check_unary),
    ROW(TFX_OP_CAST, 1, 1, check_floats),         ROW(TFX_OP_DROPOUT, 2, 1, check_dropout),
    ROW(TFX_OP_BROADCAST, 1, 1, check_broadcast), {0},
};
