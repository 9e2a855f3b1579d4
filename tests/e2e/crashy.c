/* Plugins that crash: the layer `crashy` in its build, the way that `how` says, or in the
 * kernel of an op; the loader `crashy` in the
 * function that `in` names, with seed 1. With AT_LOAD, as soon as the file is loaded. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tfx/layer.h"
#include "tfx/loader.h"
#include "tfx/op.h"

static volatile int zero;
static int *volatile nowhere;

static int recurse(volatile char *outer)
{
    volatile char here[4096];
    here[0] = outer[0];
    return recurse(here) + here[0];
}

static const char *const ways[] = {"no", "segv", "abort", "divide", "recursion", "kill", "kernel", NULL};
static const tfx_option layer_options[] = {TFX_OPTION("how", TFX_OPT_CHOICE, "segv", 0, 0, ways, "how it crashes")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const char *how = b->host->opt_string(b->host, b->options, "how");
    char first[1] = {0};
    (void)out_dim;
    if (!strcmp(how, "segv"))
        *nowhere = 1;
    if (!strcmp(how, "abort"))
        abort();
    if (!strcmp(how, "divide"))
        zero = 10 / zero;
    if (!strcmp(how, "recursion"))
        zero = recurse(first);
    if (!strcmp(how, "kill"))
        kill(getpid(), SIGSEGV);
    if (!strcmp(how, "kernel"))
        return b->custom(b, "e2e.crash/1", 1, &x, 0, NULL, 0, NULL);
    return x;
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "crashy", "crashes", layer_options, 1, NULL, 0, build,
};

static tfx_status infer(const tfx_host *h, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                        const double *reals, uint32_t *n_dims, int64_t *dims)
{
    (void)h, (void)n_in, (void)ints, (void)reals;
    *n_dims = in[0]->n_dims;
    memcpy(dims, in[0]->dims, sizeof(*dims) * in[0]->n_dims);
    return TFX_OK;
}

static tfx_value lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                       const double *reals)
{
    (void)b, (void)n_in, (void)ints, (void)reals;
    return in[0];
}

static void run(const tfx_kernel_args *args)
{
    (void)args;
    *nowhere = 1;
}

static const tfx_kernel kernel = {sizeof(tfx_kernel), "cpu", run};
static const tfx_kernel *const kernels[] = {&kernel, NULL};
static const tfx_op_class op = {sizeof(tfx_op_class), "e2e.crash/1", "crashes", infer, lower, NULL, kernels};

struct tfx_loader {
    int crashes;
    int64_t n;
    uint64_t next;
};

static const char *const places[] = {"no", "open", "next_batch", NULL};
static const tfx_option loader_options[] = {
    TFX_OPTION("in", TFX_OPT_CHOICE, "no", 0, 0, places, "where it crashes"),
    TFX_OPTION("train", TFX_OPT_STRING, "", 0, 0, NULL, "as the loader bytes has it"),
    TFX_OPTION("val", TFX_OPT_STRING, "", 0, 0, NULL, "as the loader bytes has it"),
};

static tfx_status open_split(const tfx_host *h, const tfx_loader_config *c, tfx_loader **out)
{
    const char *in = h->opt_string(h, c->options, "in");
    if (!strcmp(in, "open"))
        *nowhere = 1;
    *out = calloc(1, sizeof(**out));
    (*out)->n = c->batch * c->context;
    (*out)->crashes = !strcmp(in, "next_batch") && c->split == TFX_SPLIT_TRAIN && c->seed == 1;
    return TFX_OK;
}

static void close_split(tfx_loader *l)
{
    free(l);
}

static void info(const tfx_loader *l, tfx_loader_info *out)
{
    (void)l;
    out->n_tokens = -1;
    out->vocab = 256;
}

static tfx_status next_batch(tfx_loader *l, int32_t *inputs, int32_t *targets)
{
    if (l->crashes && l->next == 2)
        *nowhere = 1;
    for (int64_t i = 0; i < l->n; i++) {
        inputs[i] = (int32_t)(i % 256);
        targets[i] = (int32_t)((i + 1) % 256);
    }
    l->next++;
    return TFX_OK;
}

static void tell(const tfx_loader *l, tfx_loader_position *out)
{
    out->batch_index = l->next;
}

static tfx_status seek(tfx_loader *l, const tfx_loader_position *pos)
{
    l->next = pos->batch_index;
    return TFX_OK;
}

static const tfx_loader_class loader = {
    sizeof(tfx_loader_class),
    "crashy",
    "crashes",
    loader_options,
    3,
    open_split,
    close_split,
    info,
    next_batch,
    tell,
    seek,
    TFX_LOADER_BYTES,
};

#ifdef AT_LOAD
__attribute__((constructor)) static void at_load(void)
{
    *nowhere = 1;
}
#endif

TFX_FACTORY(f_layer, TFX_KIND_LAYER, &layer);
TFX_FACTORY(f_loader, TFX_KIND_LOADER, &loader);
TFX_FACTORY(f_op, TFX_KIND_OP, &op);
TFX_PLUGIN_OF("crashy", "1.0.0", "crashes", &f_layer, &f_loader, &f_op);
