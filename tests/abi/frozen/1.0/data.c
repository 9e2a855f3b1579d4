/* A loader and a policy of ABI 1.0, compiled against the headers of that version, which assign the structs
 * that the host lends them as a whole: what the host knows beyond them must stay zero. */
#include "tfx/loader.h"
#include "tfx/scaling.h"

struct tfx_loader {
    uint64_t next;
};

static struct tfx_loader only;

static tfx_status open_split(const tfx_host *host, const tfx_loader_config *config, tfx_loader **out)
{
    if (config->struct_size < sizeof(*config) || config->batch != 2)
        return host->fail(host, TFX_E_INVALID, "batch is %lld", (long long)config->batch);
    only.next = 0;
    *out = &only;
    return TFX_OK;
}

static void close_split(tfx_loader *l)
{
    (void)l;
}

static void info(const tfx_loader *l, tfx_loader_info *out)
{
    (void)l;
    *out = (tfx_loader_info){sizeof(*out), 1000, 256, 1.0};
}

static tfx_status next_batch(tfx_loader *l, int32_t *inputs, int32_t *targets)
{
    for (int i = 0; i < 6; i++) {
        inputs[i] = (int32_t)l->next + i;
        targets[i] = (int32_t)l->next + i + 1;
    }
    l->next++;
    return TFX_OK;
}

static void tell(const tfx_loader *l, tfx_loader_position *out)
{
    *out = (tfx_loader_position){sizeof(*out), l->next, {l->next * 3, 0, 0, 0}};
}

static tfx_status seek(tfx_loader *l, const tfx_loader_position *pos)
{
    l->next = pos->batch_index;
    return TFX_OK;
}

static const tfx_loader_class loader = {
    sizeof(tfx_loader_class), "frozen_1_0", "a loader of ABI 1.0", NULL, 0, open_split, close_split, info, next_batch,
    tell, seek, TFX_LOADER_BYTES,
};

struct tfx_scaling {
    uint32_t n;
};

static struct tfx_scaling policy;

static tfx_status create(const tfx_host *host, const tfx_options *options, tfx_scaling **out)
{
    (void)host, (void)options;
    policy.n = 2;
    *out = &policy;
    return TFX_OK;
}

static void destroy(tfx_scaling *s)
{
    (void)s;
}

static uint32_t n_stages(const tfx_scaling *s)
{
    return s->n;
}

static tfx_status stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    (void)s;
    *out = (tfx_stage){sizeof(*out), index ? "large" : NULL, 7, 1, TFX_STATE_KEEP};
    return TFX_OK;
}

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    (void)s;
    return signals->stage == 0 && signals->stage_step >= 3 && signals->val_step == 2;
}

static tfx_status grow_param(tfx_scaling *s, const tfx_grown_param *p)
{
    (void)s;
    p->data[0] = p->old_data[0] + (float)p->dims[0];
    return TFX_OK;
}

/* Without `check`, which a table may do. */
static const struct {
    size_t struct_size;
    const char *name, *summary;
    const tfx_option *options;
    size_t n_options;
    tfx_status (*create)(const tfx_host *host, const tfx_options *options, tfx_scaling **out);
    void (*destroy)(tfx_scaling *s);
    uint32_t (*n_stages)(const tfx_scaling *s);
    tfx_status (*stage)(const tfx_scaling *s, uint32_t index, tfx_stage *out);
    int (*should_grow)(tfx_scaling *s, const tfx_growth_signals *signals);
    tfx_status (*grow_param)(tfx_scaling *s, const tfx_grown_param *p);
} scaling = {
    offsetof(tfx_scaling_class, check), "frozen_1_0", "a policy of ABI 1.0", NULL, 0, create, destroy, n_stages, stage,
    should_grow, grow_param,
};

static const tfx_factory f_loader = {sizeof(tfx_factory), TFX_KIND_LOADER, &loader};
static const tfx_factory f_scaling = {sizeof(tfx_factory), TFX_KIND_SCALING, &scaling};
static const tfx_factory *const factories[] = {&f_loader, &f_scaling, NULL};
extern TFX_EXPORT const tfx_plugin tfx_plugin_entry;
const tfx_plugin tfx_plugin_entry = {
    sizeof(tfx_plugin), TFX_ABI_MAJOR, TFX_ABI_MINOR, "frozen_1_0_data", "1.0.0", "data and growth of ABI 1.0", factories,
};
