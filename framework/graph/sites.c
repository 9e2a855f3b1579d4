#include "framework/graph/sites.h"

#include "framework/base/memory.h"

uint32_t tfx_site_of(tfx_graph *g, const char *path, const char *by)
{
    tfx_sites *s = g->sites;
    if (!s)
        return 0;
    uint32_t known = tfx_name_table_find(&s->by_path, path);
    if (known != TFX_NAME_NONE)
        return known;
    tfx_site *site = TFX_APPEND(s->items, s->n, s->cap);
    *site = (tfx_site){tfx_strdup(path), tfx_strdup(by)};
    tfx_name_table_add(&s->by_path, site->path, s->n);
    return s->n;
}

void tfx_sites_finish(tfx_sites *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        free(s->items[i].path);
        free(s->items[i].by);
    }
    free(s->items);
    tfx_name_table_finish(&s->by_path);
    *s = (tfx_sites){0};
}
