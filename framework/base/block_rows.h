/* Block rows: texts about parameters or layers by their paths, where those that are alike but for the number of the
 * block become one: "blocks.0.ffn.hidden 64" and "blocks.1.ffn.hidden 64" of a model with two blocks are
 * "blocks.*.ffn.hidden 64". */
#ifndef TFX_BASE_BLOCK_ROWS_H
#define TFX_BASE_BLOCK_ROWS_H

#include <stddef.h>
#include <stdint.h>

typedef struct tfx_block_row {
    char *text;
    int64_t block; /* -1: of none. Of no meaning once rows are grouped */
    uint32_t *of;  /* [n] which of the texts, as they were added, are in this row, ascending */
    uint32_t n;
} tfx_block_row;

/* All zero: none. */
typedef struct tfx_block_rows {
    tfx_block_row *items;
    uint32_t n;
    size_t cap;
} tfx_block_rows;

/* One more text, heap, which it takes over. All of it is about the block whose number comes first in it. */
void tfx_block_rows_add(tfx_block_rows *r, char *text);
/* The same for a text that stays as it is. */
void tfx_block_rows_add_as_is(tfx_block_rows *r, char *text);

/* Makes rows of equal text one, which stands where the first of them did. The number of the block is then "*" where
 * that is all of several blocks, and else what it was, or "{0-2,5}". Call once. */
void tfx_block_rows_group(tfx_block_rows *r, int64_t n_blocks);
void tfx_block_rows_finish(tfx_block_rows *r);

#endif
