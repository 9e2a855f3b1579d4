/* Name table: finds a number by a name. A hash table with linear probing; it only grows. */
#ifndef TFX_BASE_NAME_TABLE_H
#define TFX_BASE_NAME_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define TFX_NAME_NONE UINT32_MAX

typedef struct tfx_name_entry {
    const char *name; /* borrowed; NULL: the place is free */
    uint32_t number;
} tfx_name_entry;

/* All zero: an empty one. */
typedef struct tfx_name_table {
    tfx_name_entry *places;
    size_t cap, n;
} tfx_name_table;

/* Gives the name, which must live as long as the table, a number. 0: it has one already, which stays. */
int tfx_name_table_add(tfx_name_table *t, const char *name, uint32_t number);
/* The name's number, or TFX_NAME_NONE. */
uint32_t tfx_name_table_find(const tfx_name_table *t, const char *name);
void tfx_name_table_finish(tfx_name_table *t);

#endif
