/* Keeps all promises; broken ones are made of it. */
#define OP_NAME "good_op"
#include "tests/conformance/one_op.h"
