/* Caught by: gradients. vjp leaves its operand without one. */
#define OP_NAME "op_no_gradient"
#define VJP no_vjp
#include "tests/conformance/one_class.h"

static tfx_status no_vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                         const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)b, (void)n_in, (void)in, (void)out, (void)dy, (void)ints, (void)reals;
    dx[0] = TFX_POISON;
    return TFX_OK;
}

#include "tests/conformance/one_op.h"
