#include "framework/base/block_rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"

#define BLOCKS "blocks."

static tfx_block_row *append(tfx_block_rows *r)
{
    tfx_block_row *row = TFX_APPEND(r->items, r->n, r->cap);
    *row = (tfx_block_row){.block = -1, .of = TFX_NEW(uint32_t), .n = 1};
    *row->of = r->n - 1;
    return row;
}

void tfx_block_rows_add_as_is(tfx_block_rows *r, char *text)
{
    append(r)->text = text;
}

/* Every "blocks.N." for the first N becomes "blocks.*." until it is known which numbers are alike. */
void tfx_block_rows_add(tfx_block_rows *r, char *text)
{
    tfx_block_row *row = append(r);
    tfx_text starred = {0};
    const char *from = text, *at;
    while ((at = strstr(from, BLOCKS))) {
        const char *number = at + strlen(BLOCKS);
        char *end;
        long long block = strtoll(number, &end, 10);
        int same = end > number && (row->block < 0 || row->block == block);
        tfx_text_add(&starred, "%.*s%s", (int)(number - from), from, same ? "*" : "");
        row->block = same ? block : row->block;
        from = same ? end : number;
    }
    tfx_text_add(&starred, "%s", from);
    row->text = starred.s;
    free(text);
}

static int by_text(const void *a, const void *b)
{
    const tfx_block_row *x = a, *y = b;
    int c = strcmp(x->text, y->text);
    return c ? c : *x->of < *y->of ? -1 : 1;
}

static int by_order(const void *a, const void *b)
{
    const tfx_block_row *x = a, *y = b;
    return *x->of < *y->of ? -1 : 1;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* "*", or the numbers, in braces when there are several: ascending, whatever order the blocks are in. */
static char *numbers_text(const tfx_block_row *rows, uint32_t n, int64_t n_blocks)
{
    tfx_text t = {0};
    if (n > 1 && n == n_blocks)
        return tfx_strdup("*");
    int64_t *blocks = TFX_NEW_ARRAY(int64_t, n);
    for (uint32_t i = 0; i < n; i++)
        blocks[i] = rows[i].block;
    qsort(blocks, n, sizeof(*blocks), by_number);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t last = i;
        while (last + 1 < n && blocks[last + 1] == blocks[last] + 1)
            last++;
        tfx_text_add(&t, "%s%" PRId64, t.n ? "," : "", blocks[i]);
        if (last > i)
            tfx_text_add(&t, "-%" PRId64, blocks[last]);
        i = last;
    }
    free(blocks);
    char *braced = n > 1 ? tfx_printf("{%s}", t.s) : tfx_strdup(t.s);
    tfx_text_free(&t);
    return braced;
}

static char *with_numbers(const char *text, const char *numbers)
{
    tfx_text t = {0};
    const char *at;
    for (; (at = strstr(text, BLOCKS "*")); text = at + strlen(BLOCKS "*"))
        tfx_text_add(&t, "%.*s%s", (int)(at - text + (int)strlen(BLOCKS)), text, numbers);
    tfx_text_add(&t, "%s", text);
    return t.s;
}

/* Makes `n` rows of one text the first of them. */
static tfx_block_row join(tfx_block_row *rows, uint32_t n, int64_t n_blocks)
{
    tfx_block_row whole = {.block = rows->block, .of = TFX_NEW_ARRAY(uint32_t, n), .n = n};
    char *numbers = whole.block < 0 ? tfx_strdup("*") : numbers_text(rows, n, n_blocks);
    whole.text = with_numbers(rows->text, numbers);
    for (uint32_t i = 0; i < n; i++) {
        whole.of[i] = *rows[i].of;
        free(rows[i].of);
        free(rows[i].text);
    }
    free(numbers);
    return whole;
}

void tfx_block_rows_group(tfx_block_rows *r, int64_t n_blocks)
{
    uint32_t n = 0;
    if (!r->n)
        return; /* qsort wants an array */
    qsort(r->items, r->n, sizeof(*r->items), by_text);
    for (uint32_t i = 0, end; i < r->n; i = end) {
        for (end = i + 1; end < r->n && !strcmp(r->items[end].text, r->items[i].text);)
            end++;
        r->items[n++] = join(&r->items[i], end - i, n_blocks);
    }
    r->n = n;
    qsort(r->items, r->n, sizeof(*r->items), by_order);
}

void tfx_block_rows_finish(tfx_block_rows *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        free(r->items[i].text);
        free(r->items[i].of);
    }
    free(r->items);
    *r = (tfx_block_rows){0};
}
