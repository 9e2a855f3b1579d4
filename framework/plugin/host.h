/* Host: the table of functions that every plugin gets. */
#ifndef TFX_PLUGIN_HOST_H
#define TFX_PLUGIN_HOST_H

#include "tfx/host.h"

const tfx_host *tfx_host_table(void);

#endif
