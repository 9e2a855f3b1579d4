/* Caught by: cuts. It cuts before the place that it is asked about. */
#define TOKENIZER_NAME "tokenizer_cuts_back"
#define CUT(text, n, at) ((at)-1)
#include "tests/conformance/one_tokenizer.h"
