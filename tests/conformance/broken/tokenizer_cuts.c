/* Caught by: cuts. It cuts pairs. */
#define TOKENIZER_NAME "tokenizer_cuts"
#define CUT(text, n, at) (at)
#include "tests/conformance/one_tokenizer.h"
