/* Caught by: stages. The name of a model lives until the next call, not as long as the policy. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_scratch"
static char scratch[24];
static unsigned n_calls;
#define MODEL(s, index) ((index) ? (snprintf(scratch, sizeof(scratch), "model%u", n_calls++), scratch) : NULL)
#include "tests/conformance/one_policy.h"
