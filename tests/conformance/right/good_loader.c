/* Keeps all promises; broken ones are made of it. */
#define LOADER_NAME "good_loader"
#include "tests/conformance/one_loader.h"
