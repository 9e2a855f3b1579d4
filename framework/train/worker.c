#include "framework/train/worker.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>

#include "framework/base/memory.h"
#include "framework/train/run.h"

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

static tfx_id add_environment(const tfx_worker_params *p, const tfx_device *device, tfx_error *err)
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
    tfx_environment e = {.tfx_version = p->tfx_version, .abi_version = abi, .git_commit = p->git_commit,
                         .host = u.nodename, .os = os, .cpu = cpu, .n_cores = sysconf(_SC_NPROCESSORS_ONLN),
                         .memory_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE),
                         .backend = device->cls->describe(device->backend), .libraries_json = json};
    tfx_id id = tfx_store_add_environment(p->store, &e, err);
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

static void add_plugins(const tfx_worker_params *p, const tfx_experiment *e, const tfx_arm_plan *plan, tfx_error *err)
{
    plugin_set s = {.registry = p->registry};
    add_plugin_of(&s, e->backend.impl);
    add_plugin_of(&s, e->loader.impl);
    add_plugin_of(&s, plan->arm->train.optimizer.impl);
    add_plugin_of(&s, plan->arm->scaling.impl);
    for (uint32_t i = 0; i < plan->n_stages; i++)
        tfx_model_visit(plan->stages[i]->model, visit_layer, &s);
    for (size_t i = 0; i < s.n && err->status == TFX_OK; i++) {
        char abi[32];
        snprintf(abi, sizeof(abi), "%u.%u", s.used[i]->entry->abi_major, s.used[i]->entry->abi_minor);
        tfx_store_add_run_plugin(p->store, p->run, s.used[i]->entry->name, s.used[i]->entry->version, abi,
                                 s.used[i]->path, s.used[i]->hash, err);
    }
}

/* The folder that holds the database; relative paths in it start there. */
static char *database_folder(const tfx_store *s)
{
    char *path = realpath(tfx_store_path(s), NULL), *slash = path ? strrchr(path, '/') : NULL;
    if (slash)
        *slash = 0;
    return path;
}

static void execute(const tfx_worker_params *p, const tfx_run_info *info, const tfx_experiment *e, int *interrupted,
                    tfx_error *err)
{
    const tfx_arm *arm = tfx_experiment_arm(e, info->arm_name, err);
    tfx_device device = {0};
    tfx_arm_plan *plan = NULL;
    char *root = database_folder(p->store);
    char *directory = tfx_printf("runs/%s/%lld", info->experiment_name, (long long)p->run);
    char label[128];
    if (e->n_seeds > 1)
        snprintf(label, sizeof(label), "%s seed %lld", info->arm_name, (long long)info->seed);
    else
        snprintf(label, sizeof(label), "%s", info->arm_name);
    if (arm && tfx_device_open(&device, e, err) == TFX_OK)
        plan = tfx_arm_plan_create(e, arm, p->registry, &device, err);
    tfx_id environment = plan ? add_environment(p, &device, err) : 0;
    if (environment && tfx_store_start_run(p->store, p->run, environment, directory, getpid(), err) == TFX_OK) {
        add_plugins(p, e, plan, err);
        tfx_run_params params = {.experiment = e, .plan = plan, .device = &device, .store = p->store, .run = p->run,
                                 .seed = info->seed, .root = root, .directory = directory, .label = label,
                                 .stop = p->stop};
        if (err->status == TFX_OK)
            tfx_run_train(&params, interrupted, err);
    }
    tfx_arm_plan_destroy(plan);
    tfx_device_close(&device);
    free(root);
    free(directory);
}

tfx_status tfx_worker_execute(const tfx_worker_params *p, int *interrupted, tfx_error *err)
{
    tfx_run_info info = {0};
    *interrupted = 0;
    if (tfx_store_run_info(p->store, p->run, &info, err) != TFX_OK)
        return err->status;
    tfx_experiment *e = tfx_experiment_parse(p->registry, info.spec, "stored spec", err);
    if (e)
        execute(p, &info, e, interrupted, err);
    tfx_experiment_destroy(e);
    tfx_run_info_finish(&info);

    tfx_error ending = {0};
    tfx_run_status status = err->status != TFX_OK ? TFX_RUN_FAILED : *interrupted ? TFX_RUN_INTERRUPTED : TFX_RUN_DONE;
    if (tfx_store_end_run(p->store, p->run, status, err->status != TFX_OK ? err->text : NULL, &ending) != TFX_OK)
        tfx_fail(err, ending.status, "%s", ending.text);
    return err->status;
}
