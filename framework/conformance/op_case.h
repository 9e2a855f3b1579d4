/* Op case: operands and attributes that a custom op takes, found by trying. */
#ifndef TFX_CONFORMANCE_OP_CASE_H
#define TFX_CONFORMANCE_OP_CASE_H

#include "framework/conformance/bench.h"
#include "framework/conformance/rule.h"
#include "tfx/op.h"

enum { TFX_CASE_OPERANDS = 8, TFX_MOST_OP_CASES = 24 };

typedef struct tfx_op_case {
    uint32_t n_in;
    tfx_tensor in[TFX_CASE_OPERANDS];
    int64_t ints[TFX_MAX_INTS];
    double reals[TFX_MAX_REALS];
    uint32_t n_out;
    tfx_tensor out[TFX_MAX_OP_RESULTS]; /* by infer */
} tfx_op_case;

/* Asks infer, which fills in the results. */
tfx_status tfx_op_case_infer(const tfx_op_class *cls, tfx_op_case *c, tfx_error *err);

/* Asks how many FLOPs it counts. */
tfx_status tfx_op_case_flops(const tfx_op_class *cls, const tfx_op_case *c, tfx_error *err);

/* Elements of all results. */
uint64_t tfx_op_case_elements(const tfx_op_case *c);

/* Every combination that is tried, i from 0; 0: there are no more. With s->sets "in=2x6x8,8" (i32 ones as "2x6:i32"), "ints=1,2"
 * and "reals=0.5", only that. */
int tfx_op_case_try(const tfx_subject *s, uint32_t i, tfx_op_case *c);

/* The first ones of different shapes that infer accepts. */
uint32_t tfx_op_cases_find(const tfx_subject *s, tfx_op_case cases[TFX_MOST_OP_CASES]);

/* "[2, 6, 8], [8] with ints 1, 0 and reals 0.5" into buf (at least 600 bytes), which it returns. */
const char *tfx_op_case_text(const tfx_op_case *c, char *buf);

/* Operands x on a bench, PARAM where they are to have a gradient, with numbers in them, and the results y: lowered, or as a node that
 * its kernel computes. 0 with an error on the bench: that failed. */
int tfx_op_case_build(const tfx_op_class *cls, const tfx_op_case *c, tfx_bench *b, int kernel, int gradient,
                      tfx_value x[TFX_CASE_OPERANDS], tfx_value y[TFX_MAX_OP_RESULTS]);
void tfx_op_case_fill(const tfx_op_case *c, tfx_bench *b, const tfx_value x[TFX_CASE_OPERANDS], double size);

#endif
