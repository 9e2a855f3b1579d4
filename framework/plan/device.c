#include "framework/plan/device.h"

#include "framework/base/memory.h"
#include "framework/base/parallel.h"
#include "framework/plugin/calls/backend_calls.h"

static int shares_cores(const tfx_experiment *e)
{
    return tfx_options_type(e->backend.options, "threads") == TFX_OPT_INT;
}

/* The nearest number of threads that the backend takes. */
static int64_t allowed_threads(const tfx_experiment *e, int64_t threads)
{
    const tfx_backend_class *cls = e->backend.impl;
    const tfx_option *o = tfx_option_find(cls->options, cls->n_options, "threads");
    int too_many = o && o->min < o->max && (double)threads > o->max;
    return too_many ? (int64_t)o->max : threads;
}

int64_t tfx_device_threads(const tfx_experiment *e, int64_t jobs)
{
    if (jobs < 2 || !shares_cores(e))
        return 0;
    int64_t set = tfx_options_int(e->backend.options, "threads"), share = tfx_usable_cores() / jobs;
    return set > 0 ? set : share > 0 ? allowed_threads(e, share) : 1;
}

char *tfx_device_crowded(const tfx_experiment *e, int64_t jobs, int64_t threads)
{
    int cores = tfx_usable_cores();
    if (jobs > 1 && !shares_cores(e))
        return tfx_printf("backend %s has no option 'threads': %lld runs at once do not share the %d core%s out",
                          e->backend.name, (long long)jobs, cores, cores == 1 ? "" : "s");
    if (jobs < 2 || jobs * threads <= cores)
        return NULL;
    return tfx_printf(
        "%lld runs at once with %lld thread%s each (backend.threads) on %d core%s: they wait for each other",
        (long long)jobs, (long long)threads, threads == 1 ? "" : "s", cores, cores == 1 ? "" : "s");
}

void tfx_device_set_threads(tfx_experiment *e, int64_t threads)
{
    if (threads > 0)
        tfx_options_set_int(e->backend.options, "threads", allowed_threads(e, threads));
}

tfx_status tfx_device_open(tfx_device *d, const tfx_experiment *e, tfx_error *err)
{
    *d = (tfx_device){.cls = e->backend.impl};
    if (tfx_call_backend_open(d->cls, e->backend.options, &d->backend, err) != TFX_OK)
        tfx_plugin_use_locate(&e->backend, err);
    return err->status;
}

void tfx_device_close(tfx_device *d)
{
    tfx_call_backend_close(d->cls, d->backend);
    d->backend = NULL;
}
