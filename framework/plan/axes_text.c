#include "framework/plan/axes_text.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"

const char *const tfx_axis_norm_names[] = {"layer norm", "rms norm", "l2 norm", "softmax"};
const char *const tfx_axis_role_names[] = {"produced", "consumed", "normalised"};

/* ---- what is alike but for the number of the block ---- */

/* A text about one block, without its number, and the numbers that came with it. */
typedef struct row {
    char *text; /* "blocks.*.ffn.hidden ..." */
    uint32_t order;
    int64_t block; /* -1: of none */
} row;

typedef struct rows {
    row *items;
    uint32_t n;
    size_t cap;
} rows;

/* Takes the text, heap: every "blocks.N." in it for the first N that is there becomes "blocks.*.". */
static void add_row(rows *r, char *text)
{
    row *to = TFX_APPEND(r->items, r->n, r->cap);
    tfx_text starred = {0};
    const char *from = text, *at;
    *to = (row){.order = r->n - 1, .block = -1};
    while ((at = strstr(from, "blocks."))) {
        char *end;
        long long block = strtoll(at + 7, &end, 10);
        int same = end > at + 7 && (to->block < 0 || to->block == block);
        tfx_text_add(&starred, "%.*s%s", (int)(at + 7 - from), from, same ? "*" : "");
        to->block = same ? block : to->block;
        from = same ? end : at + 7;
    }
    tfx_text_add(&starred, "%s", from);
    to->text = starred.s;
    free(text);
}

static int by_text(const void *a, const void *b)
{
    const row *x = a, *y = b;
    int c = strcmp(x->text, y->text);
    return c ? c : x->order < y->order ? -1 : 1;
}

static int by_order(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return x->order < y->order ? -1 : 1;
}

/* "*", or the numbers "{0-2,5}" when they are not all. */
static char *numbers_text(const row *first, uint32_t n, int64_t n_blocks)
{
    tfx_text t = {0};
    if (n == n_blocks)
        return tfx_strdup("*");
    for (uint32_t i = 0; i < n; i++) {
        uint32_t last = i;
        while (last + 1 < n && first[last + 1].block == first[last].block + 1)
            last++;
        tfx_text_add(&t, "%s%" PRId64, t.n ? "," : "", first[i].block);
        if (last > i)
            tfx_text_add(&t, "-%" PRId64, first[last].block);
        i = last;
    }
    char *braced = n > 1 ? tfx_printf("{%s}", t.s) : tfx_strdup(t.s);
    tfx_text_free(&t);
    return braced;
}

static char *with_numbers(const char *text, const char *numbers)
{
    tfx_text t = {0};
    const char *at;
    for (; (at = strstr(text, "blocks.*")); text = at + 8)
        tfx_text_add(&t, "%.*s%s", (int)(at + 7 - text), text, numbers);
    tfx_text_add(&t, "%s", text);
    return t.s;
}

/* Rows of equal text become one, which stands where the first of them did and starts with `times` ("x4 ") if
 * there are several. */
static void group_rows(rows *r, int64_t n_blocks)
{
    uint32_t n = 0;
    if (!r->n)
        return; /* as where all of a class is in one block; qsort wants an array */
    qsort(r->items, r->n, sizeof(*r->items), by_text);
    for (uint32_t i = 0, end; i < r->n; i = end) {
        for (end = i + 1; end < r->n && !strcmp(r->items[end].text, r->items[i].text);)
            end++;
        row whole = r->items[i];
        char *numbers = numbers_text(&r->items[i], end - i, n_blocks);
        whole.text = with_numbers(whole.text, whole.block < 0 ? "*" : numbers);
        whole.block = end - i; /* from now on: how many */
        for (uint32_t k = i; k < end; k++)
            free(r->items[k].text);
        free(numbers);
        r->items[n++] = whole;
    }
    r->n = n;
    qsort(r->items, r->n, sizeof(*r->items), by_order);
}

static void finish_rows(rows *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        free(r->items[i].text);
    free(r->items);
}

/* ---- a class ---- */

static char *notes_text(const tfx_axis_class *c)
{
    tfx_text t = {0};
    for (int i = 0; i < TFX_N_AXIS_NORMS; i++)
        if (c->marks >> i & 1)
            tfx_text_add(&t, "%s%s", t.n ? ", " : "", tfx_axis_norm_names[i]);
    if (c->marks & TFX_AXIS_ROTATED)
        tfx_text_add(&t, "%srotated", t.n ? ", " : "");
    if (c->marks & TFX_AXIS_INDEXED)
        tfx_text_add(&t, "%sindexed", t.n ? ", " : "");
    if (c->rigid)
        tfx_text_add(&t, "%srigid: %s", t.n ? ", " : "", c->rigid);
    return t.n ? t.s : tfx_strdup("");
}

static char *member_text(const tfx_axis_member *m, const tfx_state_layout *state, const tfx_axes *a)
{
    const tfx_param_axes *p = &a->params[m->param];
    tfx_text t = {0};
    tfx_text_add(&t, "%s[%" PRIu32, state->tensors[p->state].name, m->axis);
    if (p->first[m->axis + 1] - p->first[m->axis] > 1)
        tfx_text_add(&t, ".%" PRIu32, m->factor);
    tfx_text_add(&t, "] %s", m->roles ? "" : "unused");
    for (uint32_t i = 0, n = 0; i < TFX_N_AXIS_ROLES; i++)
        if (m->roles >> i & 1)
            tfx_text_add(&t, "%s%s", n++ ? ", " : "", tfx_axis_role_names[i]);
    if (p->writes_residual && m->roles & TFX_AXIS_PRODUCED)
        tfx_text_add(&t, ", writes to the stream");
    return t.s;
}

/* "NAME\tSIZE\tNOTES\n      MEMBER\n ..." */
static char *class_text(const tfx_axis_class *c, const tfx_state_layout *state, const tfx_axes *a, int64_t n_blocks)
{
    rows members = {0};
    tfx_text t = {0};
    char *notes = notes_text(c);
    /* A class in one block only keeps the number, so that it can be taken out of the whole. */
    int64_t block = -1;
    int one_block = sscanf(c->name, "blocks.%" SCNd64 ".", &block) == 1;
    tfx_text_add(&t, "%s\t%" PRId64 "\t%s\n", c->name, c->size, notes);
    for (uint32_t i = 0; i < c->n_members; i++) {
        char *text = member_text(c->members[i], state, a);
        if (one_block) {
            tfx_text_add(&t, "      %s\n", text);
            free(text);
        } else {
            add_row(&members, text);
        }
    }
    group_rows(&members, n_blocks);
    for (uint32_t i = 0; i < members.n; i++)
        tfx_text_add(&t, "      %s\n", members.items[i].text);
    finish_rows(&members);
    free(notes);
    return t.s;
}

void tfx_axes_print_model(const tfx_model *m, const tfx_state_layout *state, const tfx_axes *a, FILE *out)
{
    rows classes = {0};
    for (uint32_t i = 0; i < a->n_classes; i++) {
        char *text = class_text(&a->classes[i], state, a, m->n_blocks);
        if (strncmp(text, "blocks.", 7)) { /* its members are grouped already */
            *TFX_APPEND(classes.items, classes.n, classes.cap) = (row){text, classes.n, -1};
            classes.items[classes.n - 1].order = classes.n - 1;
        } else {
            add_row(&classes, text);
        }
    }
    group_rows(&classes, m->n_blocks);
    fprintf(out, "model %s\n\n  %-40s %8s %-6s %s\n", m->name, "class", "size", "blocks", "notes");
    for (uint32_t i = 0; i < classes.n; i++) {
        char *text = classes.items[i].text, *size = strchr(text, '\t'), *notes = strchr(size + 1, '\t'), times[24] = "";
        *size++ = *notes++ = '\0';
        if (classes.items[i].block > 1)
            snprintf(times, sizeof(times), "x%" PRId64, classes.items[i].block);
        char *members = strchr(notes, '\n');
        *members++ = '\0';
        fprintf(out, *notes ? "  %-40s %8s %-6s %s\n" : "  %-40s %8s %s%s\n", text, size, times, notes);
        fputs(members, out);
    }
    fprintf(out, "\n");
    finish_rows(&classes);
}
