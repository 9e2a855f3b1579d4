#include "framework/base/name_table.h"

#include <string.h>
#include <xxhash.h>

#include "framework/base/memory.h"

/* The place of a name: where it is, or the free one where it belongs. */
static tfx_name_entry *place_of(const tfx_name_table *t, const char *name)
{
    size_t at = (size_t)XXH3_64bits(name, strlen(name)) % t->cap;
    while (t->places[at].name && strcmp(t->places[at].name, name) != 0)
        at = (at + 1) % t->cap;
    return &t->places[at];
}

/* So that at most half of it is in use after one more. */
static void make_room(tfx_name_table *t)
{
    tfx_name_table bigger = {.cap = 4 * t->n + 16, .n = t->n};
    if (2 * (t->n + 1) <= t->cap)
        return;
    bigger.places = TFX_NEW_ARRAY(tfx_name_entry, bigger.cap);
    for (size_t i = 0; i < t->cap; i++)
        if (t->places[i].name)
            *place_of(&bigger, t->places[i].name) = t->places[i];
    free(t->places);
    *t = bigger;
}

int tfx_name_table_add(tfx_name_table *t, const char *name, uint32_t number)
{
    make_room(t);
    tfx_name_entry *e = place_of(t, name);
    if (e->name)
        return 0;
    *e = (tfx_name_entry){name, number};
    t->n++;
    return 1;
}

uint32_t tfx_name_table_find(const tfx_name_table *t, const char *name)
{
    const tfx_name_entry *e = t->n ? place_of(t, name) : NULL;
    return e && e->name ? e->number : TFX_NAME_NONE;
}

void tfx_name_table_finish(tfx_name_table *t)
{
    free(t->places);
    *t = (tfx_name_table){0};
}
