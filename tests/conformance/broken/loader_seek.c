/* Caught by: position. After a seek it goes on one batch too late. */
#define LOADER_NAME "loader_seek"
#define SEEK(l, p) ((l)->next = (p)->batch_index + 1)
#include "tests/conformance/one_loader.h"
