/* Caught by: stages. A stage without a model. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_nameless"
#define MODEL(s, index) NULL
#include "tests/conformance/one_policy.h"
