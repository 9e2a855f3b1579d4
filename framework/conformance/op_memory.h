/* Op memory: what a kernel reads and writes, in host memory of its own, and calls of the kernel on it. */
#ifndef TFX_CONFORMANCE_OP_MEMORY_H
#define TFX_CONFORMANCE_OP_MEMORY_H

#include "framework/conformance/op_case.h"

enum { TFX_MOST_PARTS = 64, TFX_AREA_GUARD = 256 /* bytes before and after an area */ };

/* Some bytes with a guard on both sides, of bytes that are `filling`, and of an operand what they were at first. */
typedef struct tfx_op_area {
    char *room, *copy;
    uint64_t bytes;
    int filling;
} tfx_op_area;

typedef struct tfx_op_memory {
    const tfx_op_class *cls;
    const tfx_op_case *c;
    const tfx_kernel *kernel;
    const tfx_tensor *in_info[TFX_CASE_OPERANDS], *out_info[TFX_MAX_OP_RESULTS];
    /* Operands, results, what all parts share, and what each has. */
    tfx_op_area in[TFX_CASE_OPERANDS], out[TFX_MAX_OP_RESULTS], scratch, part_scratch[TFX_MOST_PARTS];
    uint64_t own;      /* bytes of part_scratch, which is made when it is needed */
    uint32_t left_out; /* bit k: result k is not asked for */
} tfx_op_memory;

/* Operands have the numbers that the bench has for x. Free it in any case. */
tfx_status tfx_op_memory_make(tfx_op_memory *m, const tfx_op_class *cls, const tfx_op_case *c, const tfx_kernel *kernel,
                              tfx_bench *b, const tfx_value *x, tfx_error *err);
void tfx_op_memory_free(tfx_op_memory *m);

/* All phases in n_parts parts each (at most TFX_MOST_PARTS), one after the other from the last on, or at once. Results and scratch memory
 * are NaN before. */
void tfx_op_memory_compute(tfx_op_memory *m, uint32_t n_parts, int at_once);

/* One of the parts alone, of a kernel without phases. */
void tfx_op_memory_compute_part(tfx_op_memory *m, uint32_t part, uint32_t n_parts);

static inline const float *tfx_op_memory_result(const tfx_op_memory *m, uint32_t k)
{
    return (const float *)(m->out[k].room + TFX_AREA_GUARD);
}

/* What the kernel wrote that it must not; NULL: nothing. */
const char *tfx_op_memory_trespass(const tfx_op_memory *m);

#endif
