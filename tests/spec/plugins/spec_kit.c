/* Classes of every kind that a spec can choose, with options of every type. Nothing here is
 * ever run: the tests are about what a spec may say. */
#include "tfx/tfx.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* ---- backend ---- */

static tfx_status open_backend(const tfx_host *host, const tfx_options *o, tfx_backend **out)
{
    (void)o;
    (void)out;
    return host->fail(host, TFX_E_UNSUPPORTED, "the test backend does not run");
}
static void close_backend(tfx_backend *b)
{
    (void)b;
}
static const char *describe(const tfx_backend *b)
{
    (void)b;
    return "test";
}
static uint64_t memory(const tfx_backend *b)
{
    (void)b;
    return 0;
}
static double measure_flops(tfx_backend *b)
{
    (void)b;
    return 0;
}
static tfx_status buffer_create(tfx_backend *b, uint64_t n, tfx_buffer **out)
{
    (void)b, (void)n, (void)out;
    return TFX_E_MEMORY;
}
static void buffer_destroy(tfx_backend *b, tfx_buffer *buf)
{
    (void)b, (void)buf;
}
static void upload(tfx_backend *b, tfx_buffer *buf, uint64_t at, const void *p, size_t n)
{
    (void)b, (void)buf, (void)at, (void)p, (void)n;
}
static void download(tfx_backend *b, const tfx_buffer *buf, uint64_t at, void *p, size_t n)
{
    (void)b, (void)buf, (void)at, (void)p, (void)n;
}
static int supports(const tfx_backend *b, const tfx_program *p, const tfx_node *n)
{
    (void)b, (void)p, (void)n;
    return 0;
}
static uint64_t workspace(const tfx_backend *b, const tfx_program *p)
{
    (void)b, (void)p;
    return 0;
}
static tfx_status compile(tfx_backend *b, const tfx_program *p, tfx_exec **out)
{
    (void)b, (void)p, (void)out;
    return TFX_E_UNSUPPORTED;
}
static void exec_destroy(tfx_exec *e)
{
    (void)e;
}
static tfx_status run(tfx_exec *e, tfx_buffer *s, tfx_buffer *a)
{
    (void)e, (void)s, (void)a;
    return TFX_E_UNSUPPORTED;
}
static void profile(const tfx_exec *e, double *seconds)
{
    (void)e, (void)seconds;
}

static const tfx_option backend_options[] = {
    TFX_OPTION("threads", TFX_OPT_INT, "0", 0, 1024, NULL, "threads; 0: one for each core"),
};
static const tfx_backend_class cpu = {sizeof(cpu),
                                      "cpu",
                                      "backend that does not run",
                                      "cpu",
                                      0,
                                      backend_options,
                                      COUNT(backend_options),
                                      open_backend,
                                      close_backend,
                                      describe,
                                      memory,
                                      measure_flops,
                                      buffer_create,
                                      buffer_destroy,
                                      upload,
                                      download,
                                      supports,
                                      workspace,
                                      compile,
                                      exec_destroy,
                                      run,
                                      profile};

/* ---- optimizers ---- */

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o, (void)out;
    *n = 0;
    return TFX_OK;
}
static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    (void)b, (void)u;
    return TFX_OK;
}

static const tfx_option adamw_options[] = {
    TFX_OPTION("beta1", TFX_OPT_REAL, "0.9", 0, 0.999999, NULL, "decay of the first moment"),
    TFX_OPTION("beta2", TFX_OPT_REAL, "0.95", 0, 0.999999, NULL, "decay of the second moment"),
    TFX_OPTION("weight_decay", TFX_OPT_REAL, "0.1", 0, 10, NULL, "decoupled decay"),
};
static const tfx_optimizer_class adamw = {sizeof(adamw),        "adamw", "AdamW",     adamw_options,
                                          COUNT(adamw_options), states,  build_update};
static const tfx_option sgd_options[] = {
    TFX_OPTION("momentum", TFX_OPT_REAL, "0", 0, 0.999999, NULL, "decay of the velocity"),
    TFX_OPTION("weight_decay", TFX_OPT_REAL, "0.05", 0, 10, NULL, "decoupled decay"),
    TFX_OPTION("nesterov", TFX_OPT_BOOL, "false", 0, 0, NULL, "look ahead | along the velocity"),
};
static const tfx_optimizer_class sgd = {sizeof(sgd),        "sgd",  "SGD",       sgd_options,
                                        COUNT(sgd_options), states, build_update};

/* ---- loader ---- */

static tfx_status open_loader(const tfx_host *h, const tfx_loader_config *c, tfx_loader **out)
{
    (void)h, (void)c, (void)out;
    return TFX_E_UNSUPPORTED;
}
static void close_loader(tfx_loader *l)
{
    (void)l;
}
static void info(const tfx_loader *l, tfx_loader_info *out)
{
    (void)l, (void)out;
}
static tfx_status next_batch(tfx_loader *l, int32_t *in, int32_t *t)
{
    (void)l, (void)in, (void)t;
    return TFX_OK;
}
static void tell(const tfx_loader *l, tfx_loader_position *p)
{
    (void)l, (void)p;
}
static tfx_status seek(tfx_loader *l, const tfx_loader_position *p)
{
    (void)l, (void)p;
    return TFX_OK;
}

static const char *const orders[] = {"shuffled", "sequential", NULL};
static const tfx_option bytes_options[] = {
    TFX_OPTION("train", TFX_OPT_PATH, NULL, 0, 0, NULL, "file to train on"),
    TFX_OPTION("val", TFX_OPT_PATH, "", 0, 0, NULL, "held-out file"),
    TFX_OPTION("order", TFX_OPT_CHOICE, "shuffled", 0, 0, orders, "order of the rows"),
};
static const tfx_loader_class bytes = {sizeof(bytes),
                                       "bytes",
                                       "bytes of a file",
                                       bytes_options,
                                       COUNT(bytes_options),
                                       open_loader,
                                       close_loader,
                                       info,
                                       next_batch,
                                       tell,
                                       seek};

/* ---- scaling ---- */

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    (void)h, (void)o, (void)out;
    return TFX_E_UNSUPPORTED;
}
static void destroy(tfx_scaling *s)
{
    (void)s;
}
static uint32_t n_stages(const tfx_scaling *s)
{
    (void)s;
    return 1;
}
static tfx_status stage(const tfx_scaling *s, uint32_t i, tfx_stage *out)
{
    (void)s, (void)i, (void)out;
    return TFX_OK;
}
static int should_grow(tfx_scaling *s, const tfx_growth_signals *g)
{
    (void)s, (void)g;
    return 0;
}
static tfx_status grow_param(tfx_scaling *s, const tfx_grown_param *p)
{
    (void)s, (void)p;
    return TFX_OK;
}

static const tfx_option schedule_options[] = {
    TFX_OPTION("models", TFX_OPT_STRING_LIST, NULL, 0, 0, NULL, "models to grow into"),
    TFX_OPTION("steps", TFX_OPT_INT_LIST, NULL, 1, 1e12, NULL, "steps of each stage"),
    TFX_OPTION("noise", TFX_OPT_REAL_LIST, "", 0, 1, NULL, "noise on old weights, per stage"),
};
static const tfx_scaling_class schedule = {sizeof(schedule),
                                           "schedule",
                                           "grows at given steps",
                                           schedule_options,
                                           COUNT(schedule_options),
                                           create,
                                           destroy,
                                           n_stages,
                                           stage,
                                           should_grow,
                                           grow_param};

/* ---- layers ---- */

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)b, (void)out_dim;
    return x;
}

static const tfx_slot block_slots[] = {TFX_SLOT("mixer", "filter", "mixes positions"),
                                       TFX_SLOT("ffn", NULL, "works on each position")};
static const tfx_layer_class block = {sizeof(block),      "block", "two slots", NULL, 0, block_slots,
                                      COUNT(block_slots), build};
static const tfx_option filter_options[] = {
    TFX_OPTION("taps", TFX_OPT_PATH, "", 0, 0, NULL, "file of coefficients"),
    TFX_OPTION("width", TFX_OPT_INT, "3", 1, 99, NULL, "number of coefficients"),
};
static const tfx_layer_class filter = {sizeof(filter), "filter", "reads a file", filter_options, COUNT(filter_options),
                                       NULL,           0,        build};

/* ---- the plugin ---- */

#define FACTORY(name, kind) static const tfx_factory factory_##name = {sizeof(tfx_factory), kind, &name}
FACTORY(cpu, TFX_KIND_BACKEND);
FACTORY(adamw, TFX_KIND_OPTIMIZER);
FACTORY(sgd, TFX_KIND_OPTIMIZER);
FACTORY(bytes, TFX_KIND_LOADER);
FACTORY(schedule, TFX_KIND_SCALING);
FACTORY(block, TFX_KIND_LAYER);
FACTORY(filter, TFX_KIND_LAYER);

static const tfx_factory *const factories[] = {&factory_cpu,      &factory_adamw, &factory_sgd,    &factory_bytes,
                                               &factory_schedule, &factory_block, &factory_filter, NULL};
extern TFX_EXPORT const tfx_plugin tfx_plugin_entry;
const tfx_plugin tfx_plugin_entry = {sizeof(tfx_plugin), TFX_ABI_MAJOR, TFX_NEEDS_MINOR,
                                     "spec_kit",         "1.0.0",       "classes for the tests of specs",
                                     factories};
