/* Compiles a group of pointwise nodes to a small program on registers of one tile each.
 *
 * Operands in memory are used in place where they are plain f32; results are written in
 * place when nothing that is read later in the tile shares their memory. What is left (the
 * values inside the group) gets registers by linear scan, reusing a register as soon as its
 * value is dead: few registers of 4 KB stay in the first-level cache. */
#include "pointwise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Elements of a tile. Operands that come from main memory are prefetched one tile ahead, and
 * then shorter tiles are better: while one operation of a long tile waits for memory, nothing
 * else is near enough to be executed. Measured on one Zen 4 core, AdamW over 38 million
 * parameters: 80 ms with 1024 and no prefetching, 65 with 1024, 55 with 512, 57 with 256; in
 * cache, 1024 is 5% faster than 512 and 20% faster than 256. */
#define TILE 1024
#define TILE_FROM_MEMORY 512
/* Bytes of operands and results, and of operands in the state buffer, that may be in cache. */
#define CACHED ((uint64_t)24 << 20)
#define CACHED_STATE ((uint64_t)1 << 20)
/* Distance of registers beyond their size: at 4 KB apart, loads would be held up by stores
 * whose addresses end in the same bits. */
#define REG_PAD 16
/* Rows shorter than this are not worth aligning tiles to; broadcasts over them are expanded
 * into registers instead. */
#define MIN_ROW 256
/* Elements of a chunk, the unit of work distribution and of partial sums. */
#define CHUNK 16384

/* ---- memory of the arguments: one block, so that free() is enough ---- */

static pointwise_args *args_create(uint32_t n_nodes, uint32_t n_operands)
{
    /* Upper bounds: an instruction per node plus a load per operand; a store per node and one
     * per result. */
    size_t n_cells = (size_t)n_nodes + n_operands, n_instrs = n_cells, n_stores = 2 * (size_t)n_nodes;
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
static pointwise_view make_view(const tfx_tensor *x, const tfx_tensor *y)
{
    int64_t strides[TFX_MAX_DIMS] = {0};
    int64_t stride = 1;
    for (uint32_t i = 0; i < x->n_dims; i++) {
        uint32_t d = x->n_dims - 1 - i;
        if (x->dims[d] != 1)
            strides[y->n_dims - 1 - i] = stride;
        stride *= x->dims[d];
    }
    pointwise_view v = {0};
    for (uint32_t i = 0; i < y->n_dims; i++) {
        if (y->dims[i] == 1)
            continue;
        uint32_t last = v.n_dims - 1;
        if (v.n_dims && v.strides[last] == strides[i] * y->dims[i]) {
            v.dims[last] *= y->dims[i];
            v.strides[last] = strides[i];
        } else {
            v.dims[v.n_dims] = y->dims[i];
            v.strides[v.n_dims++] = strides[i];
        }
    }
    if (v.n_dims == 1 && v.strides[0] == 0)
        v.n_dims = 0;
    return v;
}

static int is_plain(const pointwise_view *v, int64_t n)
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
    p->cells[p->n_cells] =
        (pointwise_cell){.kind = kind, .value = v, .tensor = t, .reg = -1, .first_use = -1, .last_use = -1};
    return (int)p->n_cells++;
}

static pointwise_instr *add_instr(pointwise_args *p, instr_kind kind, int dst, int a, int b)
{
    pointwise_instr *in = &p->instrs[p->n_instrs++];
    *in = (pointwise_instr){.kind = kind, .dst = dst, .a = a, .b = b};
    return in;
}

/* Reads memory into a cell; `view` NULL: at the element's own index. */
static int add_load(pointwise_args *p, tfx_value v, const tfx_tensor *t, const pointwise_view *view)
{
    int s = add_cell(p, CELL_LOADED, v, t);
    p->cells[s].view = view ? *view : (pointwise_view){.n_dims = 1, .dims = {p->n}, .strides = {1}};
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

static int add_computed(pointwise_args *p, tfx_value v)
{
    return add_cell(p, CELL_COMPUTED, v, NULL);
}

static void compile_broadcast(const tfx_cpu_compiler *c, pointwise_args *p, const tfx_node *node)
{
    const tfx_tensor *x = tfx_cpu_in(c, node, 0), *y = tfx_cpu_out(c, node, 0);
    int made_here = find_cell(p, node->in[0]);
    pointwise_view view = make_view(x, y);
    if (made_here >= 0) /* of the domain's size, so nothing is stretched */
        name_cell(p, resolve(p, made_here), node->out[0]);
    else if (is_plain(&view, p->n) && x->dtype == TFX_F32)
        add_cell(p, CELL_EXTERN, node->out[0], x);
    else
        add_load(p, node->out[0], x, &view);
}

static void compile_node(const tfx_cpu_compiler *c, pointwise_args *p, const tfx_node *node)
{
    int a = -1, b = -1;
    pointwise_instr *in;
    if (node->op == TFX_OP_CONST) {
        int s = add_cell(p, CELL_CONST, node->out[0], NULL);
        p->cells[s].constant = (float)node->reals[0];
        return;
    }
    if (node->op == TFX_OP_BROADCAST) {
        compile_broadcast(c, p, node);
        return;
    }
    a = resolve(p, operand(c, p, node->in[0]));
    if (node->op == TFX_OP_STORE) {
        p->stores[p->n_stores++] = (pointwise_store){a, tfx_cpu_in(c, node, 1)};
        return;
    }
    if (node->op == TFX_OP_SUM) {
        in = add_instr(p, INSTR_SUM, -1, a, -1);
        in->sum = p->n_sums;
        p->sums[p->n_sums++] = tfx_cpu_out(c, node, 0);
        return;
    }
    const tfx_tensor *y = tfx_cpu_out(c, node, 0);
    if (node->op == TFX_OP_CAST) {
        if (y->dtype == TFX_F32 || tfx_cpu_in(c, node, 0)->dtype == y->dtype) {
            name_cell(p, a, node->out[0]);
            return;
        }
        int s = add_computed(p, node->out[0]);
        in = add_instr(p, INSTR_UNARY, s, a, -1);
        in->unary = tfx_cpu_tile_round_bf16;
        return;
    }
    if (node->op == TFX_OP_ADD || node->op == TFX_OP_SUB || node->op == TFX_OP_MUL || node->op == TFX_OP_DIV ||
        node->op == TFX_OP_UNARY_GRAD) {
        b = resolve(p, operand(c, p, node->in[1]));
        int s = add_computed(p, node->out[0]);
        in = add_instr(p, INSTR_BINARY, s, a, b);
        in->op = node->op;
        in->binary = node->op == TFX_OP_UNARY_GRAD ? tfx_cpu_tile_unary_grad((tfx_unary)node->ints[0])
                                                   : tfx_cpu_tile_binary(node->op);
    } else {
        int s = add_computed(p, node->out[0]);
        in = add_instr(p, INSTR_UNARY, s, a, -1);
        if (node->op == TFX_OP_UNARY) {
            in->unary = tfx_cpu_tile_unary((tfx_unary)node->ints[0]);
        } else if (node->op == TFX_OP_AFFINE) {
            in->op = TFX_OP_AFFINE;
            in->unary = tfx_cpu_tile_affine;
            in->scale = (float)node->reals[0];
            in->shift = (float)node->reals[1];
        } else { /* DROPOUT */
            in->unary = tfx_cpu_tile_dropout;
            in->scale = (float)(1.0 / (1.0 - node->reals[0]));
            in->key = tfx_cpu_in(c, node, 1);
            in->stream = (uint64_t)node->ints[0];
            in->threshold = (uint64_t)ceil(node->reals[0] * 0x1p32);
            in->per_index = 1;
        }
    }
    in->round_bf16 = y->dtype == TFX_BF16;
}

/* A value that is read after the group is written to its place. */
static void add_output(const tfx_cpu_compiler *c, pointwise_args *p, const tfx_node *node)
{
    if (node->op == TFX_OP_STORE || node->op == TFX_OP_SUM)
        return;
    const tfx_tensor *y = tfx_cpu_out(c, node, 0);
    if (y->buffer == TFX_BUFFER_NONE)
        return;
    p->stores[p->n_stores++] = (pointwise_store){resolve(p, find_cell(p, node->out[0])), y};
}

/* ---- memory hazards ---- */

static int overlap(const tfx_tensor *a, const tfx_tensor *b)
{
    return a->buffer == b->buffer && a->offset < b->offset + tfx_cpu_bytes(b) &&
           b->offset < a->offset + tfx_cpu_bytes(a);
}

static int same_place(const tfx_tensor *a, const tfx_tensor *b)
{
    return a->buffer == b->buffer && a->offset == b->offset && a->dtype == b->dtype;
}

/* Stores happen at the end of a tile in the order of p->stores, so memory that one store
 * reads and another one writes has to be read into a register before. */
static void load_endangered_sources(pointwise_args *p)
{
    for (uint32_t i = 0; i < p->n_stores; i++) {
        pointwise_cell *s = &p->cells[p->stores[i].cell];
        if (s->kind != CELL_EXTERN)
            continue;
        for (uint32_t j = 0; j < p->n_stores; j++)
            if (overlap(s->tensor, p->stores[j].target) &&
                !(i == j && same_place(s->tensor, p->stores[j].target))) {
                s->kind = CELL_LOADED;
                s->view = (pointwise_view){.n_dims = 2, .dims = {1, p->n}, .strides = {0, 1}};
                break;
            }
    }
    /* Their loads come first: the bound on the number of instructions counts one load per
     * operand. A view of two dimensions marks a load that must copy. */
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_cells; i++)
        n += p->cells[i].kind == CELL_LOADED && p->cells[i].view.n_dims == 2 && p->cells[i].view.dims[0] == 1;
    if (!n)
        return;
    memmove(p->instrs + n, p->instrs, p->n_instrs * sizeof(pointwise_instr));
    p->n_instrs += n;
    n = 0;
    for (uint32_t i = 0; i < p->n_cells; i++)
        if (p->cells[i].kind == CELL_LOADED && p->cells[i].view.n_dims == 2 && p->cells[i].view.dims[0] == 1)
            p->instrs[n++] = (pointwise_instr){.kind = INSTR_LOAD, .dst = (int)i, .a = -1, .b = -1};
}

/* ---- folding ---- */

static int can_fold(const pointwise_args *p, int cell)
{
    const pointwise_cell *s = &p->cells[cell];
    if (s->kind != CELL_COMPUTED || s->n_uses != 1)
        return 0;
    const pointwise_instr *in = &p->instrs[s->made_by];
    return in->op == TFX_OP_AFFINE && !in->round_bf16 && p->cells[in->a].varies;
}

/* Lets x + y, x - y, x * y and x / y scale and shift their operands themselves where these are
 * the result of an AFFINE that nothing else reads. The bits are the same; an optimizer's
 * update has a third fewer passes over its tiles. */
static void fold_affine(pointwise_args *p)
{
    for (uint32_t i = 0; i < p->n_cells; i++)
        p->cells[i].varies = p->cells[i].kind == CELL_EXTERN;
    for (uint32_t i = 0; i < p->n_instrs; i++) {
        pointwise_instr *in = &p->instrs[i];
        int varies = in->per_index;
        if (in->a >= 0) {
            p->cells[in->a].n_uses++;
            varies |= p->cells[in->a].varies;
        }
        if (in->b >= 0) {
            p->cells[in->b].n_uses++;
            varies |= p->cells[in->b].varies;
        }
        if (in->dst >= 0) {
            p->cells[in->dst].made_by = i;
            p->cells[in->dst].varies = varies;
        }
    }
    for (uint32_t i = 0; i < p->n_stores; i++)
        p->cells[p->stores[i].cell].n_uses++;
    for (uint32_t i = 0; i < p->n_instrs; i++) {
        pointwise_instr *in = &p->instrs[i];
        if (in->kind != INSTR_BINARY || !tfx_cpu_tile_binary_affine(in->op) || !p->cells[in->a].varies ||
            !p->cells[in->b].varies)
            continue;
        int fold_a = can_fold(p, in->a), fold_b = can_fold(p, in->b);
        if (!fold_a && !fold_b)
            continue;
        in->kind = INSTR_BINARY_AFFINE;
        in->unary = tfx_cpu_tile_binary_affine(in->op)[fold_a && fold_b ? 2 : fold_b];
        if (fold_a) {
            pointwise_instr *affine = &p->instrs[p->cells[in->a].made_by];
            in->scale = affine->scale, in->shift = affine->shift;
            in->a = affine->a;
            affine->unary = NULL;
        }
        if (fold_b) {
            pointwise_instr *affine = &p->instrs[p->cells[in->b].made_by];
            in->scale_b = affine->scale, in->shift_b = affine->shift;
            in->b = affine->a;
            affine->unary = NULL;
        }
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->n_instrs; i++)
        if (p->instrs[i].kind != INSTR_UNARY || p->instrs[i].unary)
            p->instrs[kept++] = p->instrs[i];
    p->n_instrs = kept;
}

/* ---- lifetimes ---- */

static void note_use(pointwise_args *p, int s, int32_t at)
{
    if (s < 0)
        return;
    if (p->cells[s].first_use < 0)
        p->cells[s].first_use = at;
    if (at > p->cells[s].last_use)
        p->cells[s].last_use = at;
}

static void find_lifetimes(pointwise_args *p)
{
    for (uint32_t i = 0; i < p->n_instrs; i++) {
        note_use(p, p->instrs[i].dst, (int32_t)i);
        note_use(p, p->instrs[i].a, (int32_t)i);
        note_use(p, p->instrs[i].b, (int32_t)i);
    }
    for (uint32_t i = 0; i < p->n_stores; i++)
        note_use(p, p->stores[i].cell, AT_END);
}

/* Lets computed values be written straight to f32 memory when nothing read later shares it. */
static void choose_direct(pointwise_args *p)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->n_stores; i++) {
        pointwise_store st = p->stores[i];
        pointwise_cell *s = &p->cells[st.cell];
        int direct = s->kind == CELL_COMPUTED && !s->direct && st.target->dtype == TFX_F32;
        for (uint32_t j = 0; direct && j < p->n_cells; j++)
            if ((p->cells[j].kind == CELL_EXTERN || p->cells[j].kind == CELL_LOADED) &&
                p->cells[j].last_use > s->first_use && overlap(p->cells[j].tensor, st.target))
                direct = 0;
        if (direct)
            s->direct = st.target;
        else
            p->stores[kept++] = st;
    }
    p->n_stores = kept;
}

/* ---- registers ---- */

static tfx_status assign_registers(pointwise_args *p)
{
    int *free_regs = malloc((p->n_cells + 1) * sizeof(int));
    if (!free_regs)
        return TFX_E_MEMORY;
    uint32_t n_free = 0;
    for (uint32_t i = 0; i < p->n_instrs; i++) {
        const pointwise_instr *in = &p->instrs[i];
        /* Operands that die here may give their register to the result: every operation
         * reads element i before it writes element i. */
        int ops[2] = {in->a, in->b == in->a ? -1 : in->b};
        for (int k = 0; k < 2; k++)
            if (ops[k] >= 0 && p->cells[ops[k]].reg >= 0 && p->cells[ops[k]].last_use == (int32_t)i)
                free_regs[n_free++] = p->cells[ops[k]].reg;
        if (in->dst < 0 || p->cells[in->dst].direct)
            continue;
        p->cells[in->dst].reg = n_free ? free_regs[--n_free] : (int)p->n_regs++;
        if (p->cells[in->dst].last_use == (int32_t)i) /* a result that nobody reads */
            free_regs[n_free++] = p->cells[in->dst].reg;
    }
    free(free_regs);
    return TFX_OK;
}

/* ---- tiles ---- */

/* Whether operands are likely to come from main memory, and enough is computed for the
 * prefetching to pay. What is in the state buffer (parameters, optimizer state) was last used
 * a step ago; what is in the arena may have been made just before. */
static int should_prefetch(const pointwise_args *p)
{
    uint64_t state = 0, all = 0;
    for (uint32_t i = 0; i < p->n_cells; i++) {
        const pointwise_cell *s = &p->cells[i];
        uint64_t bytes = s->tensor && (s->kind == CELL_EXTERN || s->view.n_dims) ? tfx_cpu_bytes(s->tensor) : 0;
        all += bytes + (s->direct ? tfx_cpu_bytes(s->direct) : 0);
        state += s->tensor && s->tensor->buffer == TFX_BUFFER_STATE ? bytes : 0;
    }
    for (uint32_t i = 0; i < p->n_stores; i++)
        all += tfx_cpu_bytes(p->stores[i].target);
    return p->n_instrs >= 4 && (all > CACHED || state > CACHED_STATE);
}

/* Tiles follow the rows of the broadcast operands, so that within a tile each of them is a
 * run of consecutive numbers or a single number, and is used in place. */
static void choose_tiles(pointwise_args *p)
{
    int64_t row = p->n;
    for (uint32_t i = 0; i < p->n_cells; i++) {
        const pointwise_cell *s = &p->cells[i];
        if (s->kind == CELL_LOADED && s->view.n_dims)
            row = tfx_cpu_min(row, s->view.dims[s->view.n_dims - 1]);
    }
    if (row < MIN_ROW)
        row = p->n;
    p->row = row;
    if (p->n == 0)
        return;
    p->prefetch = should_prefetch(p);
    p->tiles_per_row = tfx_cpu_div_up(row, p->prefetch ? TILE_FROM_MEMORY : TILE);
    /* Equal tiles, of whole vectors, rather than a short last one. */
    p->tile = (int64_t)tfx_cpu_round_up((uint64_t)tfx_cpu_div_up(row, p->tiles_per_row), 16);
    p->tiles_per_row = tfx_cpu_div_up(row, p->tile);
    p->n_tiles = p->n / row * p->tiles_per_row;
    p->tiles_per_chunk = tfx_cpu_max(1, CHUNK / p->tile);
    p->n_chunks = tfx_cpu_div_up(p->n_tiles, p->tiles_per_chunk);
}

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
    load_endangered_sources(p);
    fold_affine(p);
    find_lifetimes(p);
    choose_direct(p);
    if (assign_registers(p) != TFX_OK)
        return TFX_E_MEMORY;
    choose_tiles(p);

    p->cell_bytes = tfx_cpu_round_up(p->n_cells * (sizeof(float *) + sizeof(uint8_t)), 64);
    p->reg_stride = (int64_t)tfx_cpu_round_up((uint64_t)p->tile, 16) + REG_PAD;
    out->scratch = p->cell_bytes + (uint64_t)p->n_regs * (uint64_t)p->reg_stride * sizeof(float);
    out->shared = (uint64_t)p->n_chunks * p->n_sums * sizeof(double);
    out->run = tfx_cpu_pointwise_run;
    return TFX_OK;
}
