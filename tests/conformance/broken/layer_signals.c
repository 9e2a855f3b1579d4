/* Caught by: surroundings. Ctrl-C is for the program, which writes a checkpoint then. */
#include <signal.h>

#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    signal(SIGINT, SIG_IGN);
    return linear(b, "weight", x, out_dim);
}

LAYER("layer_signals", "ignores signals of the whole process");
