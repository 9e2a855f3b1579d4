/* The compiled form of a fused pointwise step: built by pointwise.c and pointwise_passes.c,
 * executed by pointwise_run.c. */
#ifndef TFX_CPU_POINTWISE_H
#define TFX_CPU_POINTWISE_H

#include "kernels.h"
#include "row_ops.h"
#include "tile_ops.h"

/* A value of the group. While a tile is executed each cell has an address and a stride: 1 for
 * a number per element, 0 for one number that stands for the whole tile. */
typedef enum cell_kind {
    CELL_CONST,  /* one number known now */
    CELL_EXTERN, /* f32 memory read at the element's own index: used in place */
    CELL_LOADED, /* memory that is broadcast, bf16, or must be read early: see pointwise_cell.view */
    CELL_COMPUTED,
    CELL_NAME /* another name of the cell `same_as` */
} cell_kind;

typedef struct pointwise_cell {
    cell_kind kind;
    tfx_value value;          /* 0: none */
    const tfx_tensor *tensor; /* memory of EXTERN and LOADED */
    /* LOADED: how the index of the domain maps to memory; no dims: a single number. The innermost
     * stride is 0 or 1, so the innermost dimension is a run of consecutive or of equal elements. */
    tfx_cpu_view view;
    int must_copy; /* LOADED: a store of this group writes the same memory */
    float constant;
    int same_as;              /* NAME */
    int reg;                  /* register, or -1 */
    const tfx_tensor *direct; /* COMPUTED: written straight to this f32 tensor, or NULL */
    /* While folding: COMPUTED's instruction; uses as an operand or source of a store; whether
     * it has a number per element in every tile. */
    uint32_t made_by, n_uses;
    int varies;
    int32_t first_use, last_use; /* instruction indices; AT_END for stores */
} pointwise_cell;

#define AT_END INT32_MAX

typedef enum instr_kind {
    INSTR_LOAD,
    INSTR_BINARY,
    INSTR_BINARY_AFFINE,
    INSTR_UNARY,
    INSTR_ROWS,
    INSTR_SUM
} instr_kind;

typedef struct pointwise_instr {
    instr_kind kind;
    int dst, a, b; /* cells, or -1 */
    int slope;     /* UNARY: the cell of the derivative, which somebody needs, too; or -1 */
    tfx_op op;
    tfx_unary function;            /* of UNARY and UNARY_GRAD */
    const tfx_cpu_tile_fn *binary; /* BINARY: [3] */
    tfx_cpu_tile_fn unary;
    int round_bf16;         /* the result's dtype is bf16 */
    int per_index;          /* the result depends on the index: never one number for a tile */
    float scale, shift;     /* AFFINE; BINARY_AFFINE: of a */
    float scale_b, shift_b; /* BINARY_AFFINE: of b */
    const tfx_tensor *key;
    uint64_t stream, threshold;
    uint32_t sum;        /* SUM: which */
    tfx_cpu_row_op rows; /* ROWS; b is dy */
    uint32_t stats;      /* ROWS: which rows of the scratch memory for them */
} pointwise_instr;

typedef struct pointwise_store {
    int cell;
    const tfx_tensor *target;
} pointwise_store;

typedef struct pointwise_args {
    int64_t n;         /* elements of the domain */
    int64_t row, tile; /* tiles never cross a multiple of `row` */
    int64_t cols;      /* tiles are whole rows of so many, which ops on rows are about; 0: there are none */
    int prefetch;      /* operands come from main memory */
    int64_t tiles_per_row, n_tiles, tiles_per_chunk, n_chunks;
    uint32_t n_cells, n_instrs, n_stores, n_sums, n_regs, n_stats;
    pointwise_cell *cells;
    pointwise_instr *instrs;
    pointwise_store *stores;
    const tfx_tensor **sums; /* results */
    uint64_t cell_bytes;     /* of the cells' addresses and strides in scratch memory, */
    uint64_t stats_bytes;    /* and of the statistics of a tile's rows, after them */
    int64_t reg_stride;      /* elements from register to register */
    int spare;               /* two registers in which single numbers become rows; -1: none */
} pointwise_args;

/* Has work done once that instructions have in common: what a norm and its gradient find out about a row, and what an activation
 * function and its derivative are made of. */
void tfx_cpu_pointwise_share(pointwise_args *p);
/* Decides where cells live and how the domain is cut into tiles. */
tfx_status tfx_cpu_pointwise_place(pointwise_args *p);
void tfx_cpu_pointwise_task(const void *args, const tfx_cpu_ctx *ctx, int64_t chunk);
void tfx_cpu_pointwise_finish(const void *args, const tfx_cpu_ctx *ctx);

#endif
