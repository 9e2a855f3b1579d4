/* Caught by: tokens. What it gives depends on how often it was asked. */
#define TOKENIZER_NAME "tokenizer_counts"
static int n_calls;
#define BEFORE_ENCODE(t) n_calls++
#define PAIR (n_calls % 2 ? 256 : 0)
#include "tests/conformance/one_tokenizer.h"
