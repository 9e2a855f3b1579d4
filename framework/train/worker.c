#include "framework/train/worker.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/files.h"
#include "framework/train/trainer.h"

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
    for (uint32_t i = 0; i < plan->n_stages; i++) {
        const tfx_stage_plan *stage = plan->stages[i];
        tfx_model_visit(stage->model, visit_layer, &s);
        for (size_t k = 0; k < stage->ops.n; k++)
            add_plugin_of(&s, stage->ops.items[k]);
    }
    for (size_t i = 0; i < s.n && err->status == TFX_OK; i++) {
        char abi[32];
        snprintf(abi, sizeof(abi), "%u.%u", s.used[i]->entry->abi_major, s.used[i]->entry->abi_minor);
        tfx_store_add_run_plugin(p->store, p->run, s.used[i]->entry->name, s.used[i]->entry->version, abi,
                                 s.used[i]->path, s.used[i]->hash, err);
    }
}

tfx_status tfx_worker_check_free(const tfx_run_info *run, tfx_error *err)
{
    char host[256] = "", path[64], state = 'X';
    gethostname(host, sizeof(host) - 1);
    if (run->status != TFX_RUN_RUNNING || !run->pid || !run->host || strcmp(host, run->host))
        return TFX_OK;
    /* Numbers are given again, and soon where few processes run: it may be ours by now. */
    if (run->pid == getpid() || run->pid == getppid())
        return TFX_OK;
    snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)run->pid);
    FILE *f = fopen(path, "r");
    int is_tfx = f && fscanf(f, "%*d (tfx) %c", &state) == 1; /* it may be another program's by now */
    if (f)
        fclose(f);
    /* The dead stay listed until their parent looks, which in a container may be never. */
    if (!is_tfx || state == 'Z' || state == 'X')
        return TFX_OK;
    return tfx_fail(err, TFX_E_INVALID, "run %lld (arm %s, seed %lld) is being executed by process %lld; stop it first",
                    (long long)run->run, run->arm_name, (long long)run->seed, (long long)run->pid);
}

/* The folder of a run's files, relative to the root: a new one when the run has none. Its number alone is
 * not enough: another database in the same folder, or one that was removed, has its own run 1. */
static char *run_directory(const char *root, const tfx_run_info *info, tfx_error *err)
{
    if (info->directory)
        return tfx_strdup(info->directory);
    char *parent = tfx_printf("%s/runs/%s", root, info->experiment_name), *relative = NULL, suffix[32] = "";
    tfx_make_dirs(parent, err);
    for (int k = 2; !relative && err->status == TFX_OK; k++) {
        relative = tfx_printf("runs/%s/%lld%s", info->experiment_name, (long long)info->run, suffix);
        char *path = tfx_printf("%s/%s", root, relative);
        if (mkdir(path, 0777)) {
            if (errno != EEXIST)
                tfx_fail(err, TFX_E_IO, "%s: cannot create folder: %s", path, strerror(errno));
            free(relative);
            relative = NULL;
        }
        free(path);
        snprintf(suffix, sizeof(suffix), "-%d", k);
    }
    free(parent);
    return relative;
}

/* Makes this process the one that executes the run, unless another one does. */
static tfx_status claim(const tfx_worker_params *p, tfx_id environment, const char *root, char **directory,
                        int *taken, tfx_error *err)
{
    tfx_run_info now = {0};
    if (tfx_store_begin(p->store, err) != TFX_OK)
        return err->status;
    if (tfx_store_run_info(p->store, p->run, &now, err) == TFX_OK) {
        *taken = tfx_worker_check_free(&now, err) != TFX_OK;
        *directory = *taken ? NULL : run_directory(root, &now, err);
        if (*directory)
            tfx_store_start_run(p->store, p->run, environment, *directory, getpid(), err);
    }
    tfx_run_info_finish(&now);
    if (err->status == TFX_OK)
        return tfx_store_commit(p->store, err);
    tfx_store_rollback(p->store);
    return err->status;
}

static void execute(const tfx_worker_params *p, const tfx_run_info *info, const tfx_experiment *e, int *interrupted,
                    int *taken, tfx_error *err)
{
    const tfx_arm *arm = tfx_experiment_arm(e, info->arm_name, err);
    tfx_device device = {0};
    tfx_arm_plan *plan = NULL;
    char *root = tfx_store_folder(p->store), *directory = NULL;
    char label[128];
    if (e->n_seeds > 1)
        snprintf(label, sizeof(label), "%s seed %lld", info->arm_name, (long long)info->seed);
    else
        snprintf(label, sizeof(label), "%s", info->arm_name);
    if (arm && tfx_device_open(&device, e, err) == TFX_OK)
        plan = tfx_arm_plan_create(e, arm, p->registry, &device, err);
    tfx_id environment = plan ? add_environment(p, &device, err) : 0;
    if (environment && claim(p, environment, root, &directory, taken, err) == TFX_OK) {
        add_plugins(p, e, plan, err);
        tfx_trainer_params params = {.experiment = e, .plan = plan, .device = &device, .store = p->store, .run = p->run,
                                 .seed = info->seed, .root = root, .directory = directory, .label = label,
                                 .stop = p->stop};
        if (err->status == TFX_OK)
            tfx_trainer_run(&params, interrupted, err);
    }
    tfx_arm_plan_destroy(plan);
    tfx_device_close(&device);
    free(root);
    free(directory);
}

tfx_status tfx_worker_execute(const tfx_worker_params *p, int *interrupted, tfx_error *err)
{
    tfx_run_info info = {0};
    int taken = 0;
    *interrupted = 0;
    if (tfx_store_run_info(p->store, p->run, &info, err) != TFX_OK)
        return err->status;
    tfx_experiment *e = tfx_experiment_parse(p->registry, info.spec, "stored spec", err);
    if (e)
        execute(p, &info, e, interrupted, &taken, err);
    tfx_experiment_destroy(e);
    tfx_run_info_finish(&info);

    if (taken) /* how it ends is for the other process to say */
        return err->status;
    tfx_error ending = {0};
    tfx_run_status status = err->status != TFX_OK ? TFX_RUN_FAILED : *interrupted ? TFX_RUN_INTERRUPTED : TFX_RUN_DONE;
    if (tfx_store_end_run(p->store, p->run, status, err->status != TFX_OK ? err->text : NULL, &ending) != TFX_OK)
        tfx_fail(err, ending.status, "%s", ending.text);
    return err->status;
}
