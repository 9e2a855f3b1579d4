/* One row per kind says where its table keeps the common members, which functions are
 * mandatory, and how large the table was in ABI 1.0: members are only ever added at the end,
 * so that size is the least that any valid plugin has. */
#include "framework/plugin/classes.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "framework/plugin/options.h"

typedef struct member {
    const char *name;
    size_t offset;
} member;

typedef struct kind_row {
    const char *kind, *word;
    size_t size;               /* through the last member of ABI 1.0 */
    size_t name, summary;      /* offsets */
    size_t options, n_options; /* offsets; 0: the kind takes none */
    member functions[20];      /* mandatory; ends with a NULL name */
} kind_row;

/* The columns from `size` to `n_options`. */
#define TABLE(type, last) \
    TFX_SIZE_THROUGH(type, last), offsetof(type, name), offsetof(type, summary), offsetof(type, options), \
        offsetof(type, n_options)
#define FN(type, m) \
    { \
#m, offsetof(type, m) \
    }

static const kind_row kinds[] = {
    {TFX_KIND_LAYER, "layer", TABLE(tfx_layer_class, build), {FN(tfx_layer_class, build)}},
    {TFX_KIND_OPTIMIZER,
     "optimizer",
     TABLE(tfx_optimizer_class, build_update),
     {FN(tfx_optimizer_class, build_update)}},
    {TFX_KIND_LOADER,
     "loader",
     TABLE(tfx_loader_class, seek),
     {FN(tfx_loader_class, open), FN(tfx_loader_class, close), FN(tfx_loader_class, info),
      FN(tfx_loader_class, next_batch), FN(tfx_loader_class, tell), FN(tfx_loader_class, seek)}},
    {TFX_KIND_SCALING,
     "scaling",
     TABLE(tfx_scaling_class, grow_param),
     {FN(tfx_scaling_class, create), FN(tfx_scaling_class, destroy), FN(tfx_scaling_class, n_stages),
      FN(tfx_scaling_class, stage)}},
    {TFX_KIND_BACKEND,
     "backend",
     TABLE(tfx_backend_class, profile),
     {FN(tfx_backend_class, open), FN(tfx_backend_class, close), FN(tfx_backend_class, describe),
      FN(tfx_backend_class, memory), FN(tfx_backend_class, measure_flops), FN(tfx_backend_class, buffer_create),
      FN(tfx_backend_class, buffer_destroy), FN(tfx_backend_class, upload), FN(tfx_backend_class, download),
      FN(tfx_backend_class, supports), FN(tfx_backend_class, workspace), FN(tfx_backend_class, compile),
      FN(tfx_backend_class, exec_destroy), FN(tfx_backend_class, run), FN(tfx_backend_class, profile)}},
    {TFX_KIND_OPERATOR, "operator", TABLE(tfx_operator_class, map), {FN(tfx_operator_class, map)}},
    {TFX_KIND_TOKENIZER,
     "tokenizer",
     TABLE(tfx_tokenizer_class, flags),
     {FN(tfx_tokenizer_class, open), FN(tfx_tokenizer_class, close), FN(tfx_tokenizer_class, info),
      FN(tfx_tokenizer_class, encode), FN(tfx_tokenizer_class, decode)}},
    {TFX_KIND_OP,
     "op",
     TFX_SIZE_THROUGH(tfx_op_class, kernels),
     offsetof(tfx_op_class, id),
     offsetof(tfx_op_class, summary),
     0,
     0,
     {{NULL, 0}}}, /* check_op */
};

static const kind_row *find_kind(const char *kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strcmp(kinds[i].kind, kind))
            return &kinds[i];
    return NULL;
}

const char *tfx_kind_nearest(const char *kind)
{
    enum { N = sizeof(kinds) / sizeof(*kinds) };
    const char *known[N];
    for (size_t i = 0; i < N; i++)
        known[i] = kinds[i].kind;
    return tfx_nearest(kind, known, N);
}

const char *tfx_kind_word(const char *kind)
{
    const kind_row *row = find_kind(kind);
    return row ? row->word : NULL;
}

static size_t read_size(const void *base, size_t offset)
{
    size_t n;
    memcpy(&n, (const char *)base + offset, sizeof(n));
    return n;
}

static const void *read_pointer(const void *base, size_t offset)
{
    const void *p;
    memcpy(&p, (const char *)base + offset, sizeof(p));
    return p;
}

tfx_class_info tfx_class_describe(const char *kind, const void *impl)
{
    const kind_row *row = find_kind(kind);
    assert(row);
    tfx_class_info info = {.kind = row->word};
    info.name = read_pointer(impl, row->name);
    info.summary = read_pointer(impl, row->summary);
    if (row->options) {
        info.options = read_pointer(impl, row->options);
        info.n_options = read_size(impl, row->n_options);
    }
    if (!strcmp(kind, TFX_KIND_LAYER)) {
        const tfx_layer_class *layer = impl;
        info.sockets = layer->slots;
        info.n_sockets = layer->n_slots;
    }
    return info;
}

const tfx_slot *tfx_socket_at(const tfx_slot *sockets, size_t i)
{
    return (const tfx_slot *)((const char *)sockets + i * sockets->struct_size);
}

int tfx_name_valid(const char *name, int slash)
{
    if (!name || !*name)
        return 0;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_.-", *c) && !(slash && *c == '/'))
            return 0;
    return 1;
}

/* The size of one element of a walked array: at least ABI 1.0's, aligned, and not garbage. */
static int element_size_valid(size_t size, size_t least)
{
    return size >= least && size <= 4096 && size % sizeof(void *) == 0;
}

static tfx_status check_option(const tfx_option *o, size_t index, const char *what, tfx_error *err)
{
    if (!tfx_name_valid(o->name, 0))
        return tfx_fail(err, TFX_E_DATA, "%s: option %zu has no valid name", what, index);
    if (o->type < TFX_OPT_INT || o->type > TFX_OPT_REAL_OR_CHOICE)
        return tfx_fail(err, TFX_E_DATA, "%s: option %s: unknown type %d", what, o->name, (int)o->type);
    if (!o->doc)
        return tfx_fail(err, TFX_E_DATA, "%s: option %s has no doc line", what, o->name);
    if (tfx_option_has_choices(o) && (!o->choices || !o->choices[0]))
        return tfx_fail(err, TFX_E_DATA, "%s: option %s is a choice without choices", what, o->name);
    if (o->min != o->min || o->max != o->max)
        return tfx_fail(err, TFX_E_DATA, "%s: option %s: its range is not a number", what, o->name);
    if (o->def) {
        tfx_error why = {0};
        tfx_options *resolved = tfx_options_resolve(o, 1, NULL, 0, what, &why);
        tfx_options_destroy(resolved);
        if (!resolved) {
            tfx_text expected = {0};
            tfx_option_expectation(&expected, o);
            tfx_fail(err, TFX_E_DATA, "%s: option %s: its default \"%s\" is not valid; expected %s", what, o->name,
                     o->def, expected.s ? expected.s : "another value");
            tfx_text_free(&expected);
            return err->status;
        }
    }
    return TFX_OK;
}

static tfx_status check_options(const tfx_class_info *c, const char *what, tfx_error *err)
{
    if (c->n_options == 0)
        return TFX_OK;
    if (!c->options)
        return tfx_fail(err, TFX_E_DATA, "%s: n_options is %zu, but options is NULL", what, c->n_options);
    if (!element_size_valid(c->options->struct_size, TFX_SIZE_THROUGH(tfx_option, doc)))
        return tfx_fail(err, TFX_E_DATA, "%s: options have struct_size %zu; expected at least %zu", what,
                        c->options->struct_size, TFX_SIZE_THROUGH(tfx_option, doc));
    for (size_t i = 0; i < c->n_options; i++) {
        const tfx_option *o = tfx_option_at(c->options, i);
        if (o->struct_size != c->options->struct_size)
            return tfx_fail(err, TFX_E_DATA, "%s: option %zu has struct_size %zu, the first has %zu (n_options is %zu)",
                            what, i, o->struct_size, c->options->struct_size, c->n_options);
        if (check_option(o, i, what, err))
            return err->status;
        if (tfx_option_find(c->options, i, o->name))
            return tfx_fail(err, TFX_E_DATA, "%s: option %s is declared twice", what, o->name);
    }
    return TFX_OK;
}

static tfx_status check_sockets(const tfx_class_info *c, const char *what, tfx_error *err)
{
    if (c->n_sockets == 0)
        return TFX_OK;
    if (!c->sockets)
        return tfx_fail(err, TFX_E_DATA, "%s: n_slots is %zu, but slots is NULL", what, c->n_sockets);
    if (!element_size_valid(c->sockets->struct_size, TFX_SIZE_THROUGH(tfx_slot, doc)))
        return tfx_fail(err, TFX_E_DATA, "%s: slots have struct_size %zu; expected at least %zu", what,
                        c->sockets->struct_size, TFX_SIZE_THROUGH(tfx_slot, doc));
    for (size_t i = 0; i < c->n_sockets; i++) {
        const tfx_slot *s = tfx_socket_at(c->sockets, i);
        if (s->struct_size != c->sockets->struct_size)
            return tfx_fail(err, TFX_E_DATA, "%s: slot %zu has struct_size %zu, the first has %zu (n_slots is %zu)",
                            what, i, s->struct_size, c->sockets->struct_size, c->n_sockets);
        if (!tfx_name_valid(s->name, 0))
            return tfx_fail(err, TFX_E_DATA, "%s: slot %zu has no valid name", what, i);
        if (!s->doc)
            return tfx_fail(err, TFX_E_DATA, "%s: slot %s has no doc line", what, s->name);
        if (s->def && !tfx_name_valid(s->def, 0))
            return tfx_fail(err, TFX_E_DATA, "%s: slot %s: its default \"%s\" is not a layer's name", what, s->name,
                            s->def);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(tfx_socket_at(c->sockets, j)->name, s->name))
                return tfx_fail(err, TFX_E_DATA, "%s: slot %s is declared twice", what, s->name);
        /* Both are keys of the same section of a spec. */
        if (tfx_option_find(c->options, c->n_options, s->name))
            return tfx_fail(err, TFX_E_DATA, "%s: %s is both an option and a slot", what, s->name);
    }
    return TFX_OK;
}

static tfx_status check_kernels(const tfx_op_class *op, const char *what, tfx_error *err)
{
    for (size_t i = 0; op->kernels && op->kernels[i]; i++) {
        const tfx_kernel *k = op->kernels[i];
        if (k->struct_size < TFX_SIZE_THROUGH(tfx_kernel, run))
            return tfx_fail(err, TFX_E_DATA, "%s: kernel %zu has struct_size %zu; expected at least %zu", what, i,
                            k->struct_size, TFX_SIZE_THROUGH(tfx_kernel, run));
        if (!tfx_name_valid(k->device, 0) || !k->run)
            return tfx_fail(err, TFX_E_DATA, "%s: kernel %zu lacks its %s", what, i,
                            k->run ? "device" : "run function");
    }
    return TFX_OK;
}

static tfx_status check_op(const tfx_op_class *op, const char *what, tfx_error *err)
{
    int several = TFX_HAS(op, n_results) != 0;
    const char *missing = several ? (!TFX_HAS(op, infer_results)   ? "infer_results"
                                     : !TFX_HAS(op, lower_results) ? "lower_results"
                                                                   : NULL)
                                  : (!op->infer   ? "infer"
                                     : !op->lower ? "lower"
                                                  : NULL);
    if (several && (op->n_results < 2 || op->n_results > TFX_MAX_OP_RESULTS))
        return tfx_fail(err, TFX_E_DATA,
                        "%s: n_results is %u; expected 2 to %d, or 0 for one result by `infer` and `lower`", what,
                        op->n_results, TFX_MAX_OP_RESULTS);
    if (missing)
        return tfx_fail(err, TFX_E_DATA, "%s: its mandatory function `%s` is NULL", what, missing);
    return check_kernels(op, what, err);
}

static tfx_status check_optimizer(const tfx_optimizer_class *c, const char *what, tfx_error *err)
{
    return c->states || TFX_HAS(c, states_for)
               ? TFX_OK
               : tfx_fail(err, TFX_E_DATA, "%s: both `states` and `states_for` are NULL; expected one of them", what);
}

/* What one of them keeps would be lost without the other. */
static tfx_status check_policy(const tfx_scaling_class *c, const char *what, tfx_error *err)
{
    int saves = TFX_HAS(c, save) != 0, loads = TFX_HAS(c, load) != 0;
    if (saves != loads)
        return tfx_fail(err, TFX_E_DATA, "%s: has `%s`, but not `%s`; expected both or neither", what,
                        saves ? "save" : "load", saves ? "load" : "save");
    int needs = TFX_HAS(c, needs_curve) != 0, takes = TFX_HAS(c, take_curve) != 0;
    if (needs != takes)
        return tfx_fail(err, TFX_E_DATA, "%s: has `%s`, but not `%s`; expected both or neither", what,
                        needs ? "needs_curve" : "take_curve", needs ? "take_curve" : "needs_curve");
    if (takes && !saves)
        return tfx_fail(err, TFX_E_DATA, "%s: has `take_curve`, but no `save` that would keep what it takes", what);
    return TFX_OK;
}

tfx_status tfx_class_check(const char *kind, const void *impl, tfx_error *err)
{
    const kind_row *row = find_kind(kind);
    char what[160];
    size_t size = read_size(impl, 0);
    if (size < row->size)
        return tfx_fail(err, TFX_E_DATA, "its %s table has struct_size %zu; expected at least %zu", row->word, size,
                        row->size);
    tfx_class_info c = tfx_class_describe(kind, impl);
    if (!tfx_name_valid(c.name, row->options == 0))
        return tfx_fail(err, TFX_E_DATA, "a%s %s has no valid %s: %s%s%s", strchr("aeiou", *row->word) ? "n" : "",
                        row->word, row->options ? "name" : "id", c.name ? "\"" : "", c.name ? c.name : "NULL",
                        c.name ? "\"" : "");
    snprintf(what, sizeof(what), "%s %s", row->word, c.name);
    if (!c.summary)
        return tfx_fail(err, TFX_E_DATA, "%s has no summary", what);
    for (const member *m = row->functions; m->name; m++)
        if (!read_pointer(impl, m->offset))
            return tfx_fail(err, TFX_E_DATA, "%s: its mandatory function `%s` is NULL", what, m->name);
    if (!strcmp(kind, TFX_KIND_BACKEND) && !tfx_name_valid(((const tfx_backend_class *)impl)->device, 0))
        return tfx_fail(err, TFX_E_DATA, "%s has no valid device name", what);
    if (check_options(&c, what, err) || check_sockets(&c, what, err))
        return err->status;
    if (!strcmp(kind, TFX_KIND_OP))
        return check_op(impl, what, err);
    if (!strcmp(kind, TFX_KIND_OPTIMIZER))
        return check_optimizer(impl, what, err);
    if (!strcmp(kind, TFX_KIND_SCALING))
        return check_policy(impl, what, err);
    return TFX_OK;
}
