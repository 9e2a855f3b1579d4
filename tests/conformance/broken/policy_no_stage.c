/* Caught by: stages. Stage 0 counts, too. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_no_stage"
#define N_STAGES(s) 0
#include "tests/conformance/one_policy.h"
