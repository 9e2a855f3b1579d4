/* Caught by: stages. A length below zero. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_negative"
#define STEPS(index) ((index) ? -5 : 0)
#include "tests/conformance/one_policy.h"
