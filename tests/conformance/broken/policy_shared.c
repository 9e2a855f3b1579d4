/* Caught by: decisions. What it remembers is in no instance. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_shared"
static long n_below_of_all;
#define COUNT(s) n_below_of_all
#define SAVED(s) (s)->n_below
#include "tests/conformance/one_policy.h"
