/* The entry is a function, as other plugin systems have it. */
#include "tfx/abi.h"
TFX_EXPORT int tfx_plugin_entry(void);
int tfx_plugin_entry(void)
{
    return 0;
}
