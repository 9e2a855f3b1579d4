#include "framework/train/provenance.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>

#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/plugin/calls/backend_calls.h"

/* "model name" of the first processor, into buf. */
static void cpu_name(char *buf, size_t n)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(buf, n, "unknown");
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, "model name", 10))
            continue;
        char *value = strchr(line, ':');
        if (value)
            snprintf(buf, n, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    if (f)
        fclose(f);
}

tfx_id tfx_provenance_environment(tfx_store *store, const tfx_device *device, const char *tfx_version,
                                  const char *git_commit, tfx_error *err)
{
    struct utsname u;
    char cpu[256], os[256], abi[32], xxh[32];
    uname(&u);
    cpu_name(cpu, sizeof(cpu));
    snprintf(os, sizeof(os), "%.100s %.100s", u.sysname, u.release);
    snprintf(abi, sizeof(abi), "%d.%d", TFX_ABI_MAJOR, TFX_ABI_MINOR);
    snprintf(xxh, sizeof(xxh), "%u", XXH_versionNumber());
    cJSON *libraries = cJSON_CreateObject();
    cJSON_AddStringToObject(libraries, "sqlite", sqlite3_libversion());
    cJSON_AddStringToObject(libraries, "xxhash", xxh);
    cJSON_AddStringToObject(libraries, "cjson", cJSON_Version());
    char *json = cJSON_PrintUnformatted(libraries);
    tfx_environment e = {.tfx_version = tfx_version,
                         .abi_version = abi,
                         .git_commit = git_commit,
                         .host = u.nodename,
                         .os = os,
                         .cpu = cpu,
                         .n_cores = sysconf(_SC_NPROCESSORS_ONLN),
                         .memory_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE),
                         .backend = tfx_call_backend_describe(device->cls, device->backend),
                         .libraries_json = json};
    tfx_id id = tfx_store_add_environment(store, &e, err);
    free(json);
    cJSON_Delete(libraries);
    return id;
}

/* The plugin files that a run uses, each once. */
typedef struct plugin_set {
    const tfx_registry *registry;
    const tfx_loaded_plugin *used[256];
    size_t n;
} plugin_set;

static void add_plugin_of(plugin_set *s, const void *impl)
{
    const tfx_loaded_plugin *owner = impl ? tfx_registry_owner(s->registry, impl) : NULL;
    for (size_t i = 0; i < s->n; i++)
        if (s->used[i] == owner)
            return;
    if (owner && s->n < sizeof(s->used) / sizeof(*s->used))
        s->used[s->n++] = owner;
}

static void visit_layer(void *ctx, const tfx_layer_class *cls)
{
    add_plugin_of(ctx, cls);
}

/* A run that goes on with other plugins is not the one that it would have been. */
static void warn_of_changes(tfx_store *store, tfx_id run, const plugin_set *s, tfx_error *err)
{
    tfx_text names = {0};
    for (size_t i = 0; i < s->n && err->status == TFX_OK; i++)
        if (tfx_store_run_plugin_changed(store, run, s->used[i]->entry->name, s->used[i]->hash, err))
            tfx_text_add(&names, "%s%s", names.s ? ", " : "", s->used[i]->entry->name);
    if (names.s)
        tfx_log_message(
            "it goes on with other files of these plugins than so far, so that it need not end as it would have: %s",
            names.s);
    tfx_text_free(&names);
}

tfx_status tfx_provenance_plugins(tfx_store *store, tfx_id run, const tfx_registry *registry, const tfx_experiment *e,
                                  const tfx_arm_plan *plan, tfx_error *err)
{
    plugin_set s = {.registry = registry};
    add_plugin_of(&s, e->backend.impl);
    add_plugin_of(&s, e->loader.impl);
    add_plugin_of(&s, plan->arm->train.optimizer.impl);
    add_plugin_of(&s, plan->arm->scaling.impl);
    for (size_t i = 0; i < plan->arm->n_events; i++)
        add_plugin_of(&s, plan->arm->events[i].op.impl);
    for (uint32_t i = 0; i < plan->n_stages; i++) {
        const tfx_stage_plan *stage = plan->stages[i];
        tfx_model_visit(stage->model, visit_layer, &s);
        for (size_t k = 0; k < stage->ops.n; k++)
            add_plugin_of(&s, stage->ops.items[k]);
    }
    warn_of_changes(store, run, &s, err);
    for (size_t i = 0; i < s.n && err->status == TFX_OK; i++) {
        char abi[32];
        snprintf(abi, sizeof(abi), "%u.%u", s.used[i]->entry->abi_major, s.used[i]->entry->abi_minor);
        tfx_store_add_run_plugin(store, run, s.used[i]->entry->name, s.used[i]->entry->version, abi, s.used[i]->path,
                                 s.used[i]->hash, err);
    }
    return err->status;
}
