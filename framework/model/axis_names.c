#include "framework/model/axis_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/name_table.h"

typedef struct naming {
    tfx_axes *a;
    const tfx_state_layout *state;
    const tfx_model *m;
    tfx_name_table taken; /* names, and the classes that have them */
} naming;

static const char *path_of(const naming *n, const tfx_axis_member *m)
{
    return n->state->tensors[n->a->params[m->param].state].name;
}

/* ---- names, each given once ---- */

/* Takes the name, heap, unless another class has it. */
static int give(naming *n, uint32_t cls, char *name)
{
    if (!tfx_name_table_add(&n->taken, name, cls)) {
        free(name);
        return 0;
    }
    n->a->classes[cls].name = name;
    return 1;
}

/* ---- layers ---- */

/* The length of the longest path of whole components that both start with. */
static size_t common(const char *a, size_t n, const char *b)
{
    size_t last = 0, i = 0;
    for (; i < n && a[i] == b[i]; i++)
        if (a[i] == '.')
            last = i;
    return (i == n) && (b[i] == '.' || !b[i]) ? n : last;
}

/* The path of the deepest layer that has all members: its length in the path of the first one. */
static size_t deepest_layer(const naming *n, const tfx_axis_class *c)
{
    const char *first = path_of(n, c->members[0]);
    size_t length = (size_t)(strrchr(first, '.') - first);
    for (uint32_t i = 1; i < c->n_members && length; i++)
        length = common(first, length, path_of(n, c->members[i]));
    return length;
}

/* The layer of that path; NULL: none, as for "blocks". */
static const tfx_layer_config *layer_at(const tfx_model *m, const char *path, size_t length)
{
    const tfx_layer_config *c = NULL;
    int64_t block;
    int used = 0;
    if (sscanf(path, "blocks.%" SCNd64 "%n", &block, &used) == 1 && (size_t)used <= length && block < m->n_blocks)
        c = m->blocks[block];
    else if (length >= 9 && !strncmp(path, "embedding", 9) && (used = 9))
        c = m->embedding;
    else if (length >= 4 && !strncmp(path, "norm", 4) && (used = 4))
        c = m->norm;
    else if (length >= 4 && !strncmp(path, "head", 4) && (used = 4))
        c = m->head;
    for (size_t at = (size_t)used; c && at < length;) {
        size_t from = at + 1, to = from;
        const tfx_layer_config *child = NULL;
        while (to < length && path[to] != '.')
            to++;
        for (size_t i = 0; i < c->n_children; i++)
            if (strlen(c->children[i]->socket) == to - from && !strncmp(c->children[i]->socket, path + from, to - from))
                child = c->children[i];
        c = child;
        at = to;
    }
    return c;
}

/* Whether an option is one whole number that says a size. */
static int is_size(const tfx_options *o, const char *name)
{
    return tfx_options_type(o, name) == TFX_OPT_INT;
}

static int by_option(naming *n, uint32_t cls, const char *path, size_t length)
{
    int64_t size = n->a->classes[cls].size;
    for (size_t end = length; end;) {
        const tfx_layer_config *c = layer_at(n->m, path, end);
        for (size_t i = 0; c && i < tfx_options_count(c->options); i++) {
            const char *option, *value;
            tfx_options_at(c->options, i, &option, &value);
            if (is_size(c->options, option) && tfx_options_int(c->options, option) == size &&
                give(n, cls, tfx_printf("%.*s.%s", (int)end, path, option)))
                return 1;
        }
        while (end && path[--end] != '.')
            ;
    }
    const tfx_layer_config *c = layer_at(n->m, path, length);
    const char *only = NULL;
    for (size_t i = 0; c && i < tfx_options_count(c->options); i++) {
        const char *option, *value;
        tfx_options_at(c->options, i, &option, &value);
        if (is_size(c->options, option)) {
            if (only)
                return 0;
            only = option;
        }
    }
    return only && tfx_options_int(c->options, only) == 0 &&
           give(n, cls, tfx_printf("%.*s.%s", (int)length, path, only));
}

/* ---- the other kinds of names ---- */

static void name_stream(naming *n)
{
    const tfx_axes *a = n->a;
    for (uint32_t i = 0; i < a->n_residual; i++)
        if (!a->classes[a->residual[i]].name)
            give(n, a->residual[i], a->n_residual == 1 ? tfx_strdup("residual") : tfx_printf("residual.%" PRIu32, i));
}

/* What the numbers of tokens index is the vocabulary, also as the output of a head that is not tied. */
static void name_vocabulary(naming *n)
{
    for (uint32_t c = 0; c < n->a->n_classes; c++)
        if (n->a->classes[c].marks & TFX_AXIS_INDEXED && n->a->classes[c].size == n->m->vocab &&
            !n->a->classes[c].name && give(n, c, tfx_strdup("vocab")))
            return;
}

static int by_outer_factor(naming *n, uint32_t cls)
{
    const tfx_axis_class *c = &n->a->classes[cls];
    for (uint32_t i = 0; i < c->n_members; i++) {
        if (c->members[i]->factor == 0)
            continue;
        const char *outer = n->a->classes[c->members[i][-1].cls].name; /* the factor before it */
        size_t length = outer ? strlen(outer) : 0;
        if (length < 2 || strchr(outer, '[') || !strchr(outer, '.'))
            continue;
        return give(n, cls, tfx_printf("%.*s_dim", (int)(length - (outer[length - 1] == 's')), outer));
    }
    return 0;
}

/* Where the factor before it has size 1, such as a single head, there is no class to be called after. The layer that
 * has all members says so: one whole number among its options is 1. */
static int by_single_outer(naming *n, uint32_t cls, const char *path, size_t length)
{
    const tfx_layer_config *c = layer_at(n->m, path, length);
    const char *single = NULL;
    for (size_t i = 0; c && c->n_children && i < tfx_options_count(c->options); i++) {
        const char *option, *value;
        tfx_options_at(c->options, i, &option, &value);
        if (!is_size(c->options, option) || tfx_options_int(c->options, option) != 1)
            continue;
        if (single)
            return 0;
        single = option;
    }
    size_t letters = single ? strlen(single) : 0;
    return letters > 1 &&
           give(n, cls,
                tfx_printf("%.*s.%.*s_dim", (int)length, path, (int)(letters - (single[letters - 1] == 's')), single));
}

static void by_member(naming *n, uint32_t cls)
{
    const tfx_axis_member *m = n->a->classes[cls].members[0];
    const tfx_param_axes *p = &n->a->params[m->param];
    int several = p->first[m->axis + 1] - p->first[m->axis] > 1;
    give(n, cls,
         several ? tfx_printf("%s[%" PRIu32 ".%" PRIu32 "]", path_of(n, m), m->axis, m->factor)
                 : tfx_printf("%s[%" PRIu32 "]", path_of(n, m), m->axis));
}

void tfx_axes_name(tfx_axes *a, const tfx_state_layout *state, const tfx_model *m)
{
    naming n = {.a = a, .state = state, .m = m};
    name_stream(&n);
    name_vocabulary(&n);
    for (uint32_t c = 0; c < a->n_classes; c++) {
        if (a->classes[c].name)
            continue;
        const char *first = path_of(&n, a->classes[c].members[0]);
        size_t length = deepest_layer(&n, &a->classes[c]);
        if (!by_option(&n, c, first, length) && !by_outer_factor(&n, c) && !by_single_outer(&n, c, first, length))
            by_member(&n, c);
    }
    tfx_name_table_finish(&n.taken);
}
