/* What a plugin sees that asks for no minor: the structs of 1.0, exactly, with whatever headers it is
 * compiled. A larger one would not fit into what an older host has room for. */
#undef TFX_NEEDS_MINOR
#include "tfx/tfx.h"

#define STRUCT(type, size) _Static_assert(sizeof(void *) != 8 || sizeof(type) == (size), #type);
#define MEMBER(type, member, offset, size)
#define VALUE(name, value)
#define TEXT(name, text)
#include "layout-1.0.h"
