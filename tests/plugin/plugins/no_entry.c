/* A shared object that is no plugin. */
#include "tfx/abi.h"
TFX_EXPORT int something_else(void);
int something_else(void)
{
    return 1;
}
