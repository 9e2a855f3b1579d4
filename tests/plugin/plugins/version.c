/* Compiled for several versions (MAJOR, MINOR). Its constructor leaves a mark, which must not
 * appear when the version is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "identity.h"

__attribute__((constructor)) static void leave_mark(void)
{
    const char *path = getenv("TFX_TEST_MARK");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (f)
        fclose(f);
}

static const tfx_layer_class layer = IDENTITY("version");
ENTRY(sizeof(tfx_plugin), MAJOR, MINOR, "version", &layer);
