/* Keeps all promises; broken ones are made of it. */
#define BACKEND_NAME "good_backend"
#include "tests/conformance/one_backend.h"
