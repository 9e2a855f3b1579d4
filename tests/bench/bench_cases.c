/* Training steps of the models of cases.ini: tokens a second, which share of the processor's multiply-adds that is,
 * where the time goes, and memory. tools/bench builds and runs this.
 *
 *   bench-cases [--threads N] [--seconds S] [--least STEPS] [--compute TYPE] [--spec FILE] [--set KEY=VALUE]... [--json] [CASE...]
 *
 * Each case is executed in f32 and in bf16, in a process of its own, whose resident memory is thereby its own. The limits of the
 * processor are measured between the steps, and the best of them counts, as other programs can only lower it; of the
 * steps the median counts. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/graph/ops.h"
#include "framework/plan/arm.h"
#include "framework/plugin/calls/backend_calls.h"
#include "framework/train/engine.h"
#include "tests/bench/limits.h"
#include "tests/bench/median.h"

enum { MAX_KINDS = 16, MAX_STEPS = 4096, MAX_SETS = 16, OWN_SETS = 2 };

typedef struct options {
    int threads; /* 0: one for each processor */
    double seconds;
    int least; /* steps */
    int json;
    const char *compute, *spec;            /* NULL: both, and cases.ini */
    const char *sets[MAX_SETS + OWN_SETS]; /* settings of the spec; room for those of a case */
    size_t n_sets;
    const char *const *cases;
    int n_cases; /* 0: all */
} options;

/* What one case came to; goes through a pipe. */
typedef struct outcome {
    char device[160], failure[256];
    int threads, n_steps, n_kinds;
    double tokens, flops; /* of a step, as the model counts them */
    double median, least, peak, bandwidth;
    uint64_t planned, resident, parameters;
    char kinds[MAX_KINDS][24]; /* of ops, and the share of time of each; most first */
    double shares[MAX_KINDS];
} outcome;

static const char *kind_of(const tfx_step *s)
{
    for (uint32_t i = 0; i < s->n_nodes; i++)
        if (tfx_op_info_of(s->nodes[i]->op)->pointwise)
            return "pointwise";
    return tfx_op_name(s->nodes[0]->op);
}

/* Shares of the time that the engine's steps took since `before`. */
static void sum_kinds(const tfx_program *p, const double *before, const double *after, outcome *o)
{
    double all = 0;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const char *kind = kind_of(p->steps[i]);
        int k = 0;
        while (k < o->n_kinds && strcmp(o->kinds[k], kind))
            k++;
        if (k == o->n_kinds && k < MAX_KINDS)
            snprintf(o->kinds[o->n_kinds++], sizeof(o->kinds[0]), "%s", kind);
        if (k < MAX_KINDS)
            o->shares[k] += after[i] - before[i];
        all += after[i] - before[i];
    }
    for (int k = 0; k < o->n_kinds; k++)
        o->shares[k] /= all;
    for (int k = 1; k < o->n_kinds; k++)
        for (int j = k; j > 0 && o->shares[j] > o->shares[j - 1]; j--) {
            double share = o->shares[j];
            char kind[sizeof(o->kinds[0])];
            memcpy(kind, o->kinds[j], sizeof(kind));
            memcpy(o->kinds[j], o->kinds[j - 1], sizeof(kind));
            memcpy(o->kinds[j - 1], kind, sizeof(kind));
            o->shares[j] = o->shares[j - 1];
            o->shares[j - 1] = share;
        }
}

static void measure_steps(tfx_engine *engine, const tfx_stage_plan *plan, const options *opt, int bf16, outcome *o,
                          tfx_error *err)
{
    const tfx_program *program = &plan->programs[tfx_stage_pass(plan)].placement->program;
    double *before = TFX_NEW_ARRAY(double, program->n_steps), *after = TFX_NEW_ARRAY(double, program->n_steps);
    double *seconds = TFX_NEW_ARRAY(double, MAX_STEPS), end = 0;
    for (int i = -1; i < MAX_STEPS && err->status == TFX_OK; i++) { /* the first one warms up */
        float loss, norm;
        double peak = limits_flops(o->threads, bf16);
        o->peak = peak > o->peak ? peak : o->peak;
        tfx_engine_set_step(engine, 1e-4, 1, (uint64_t)(i + 1));
        double started = tfx_now();
        tfx_engine_pass(engine, &loss, err);
        tfx_engine_update(engine, &norm, err);
        double now = tfx_now();
        if (i < 0) {
            tfx_engine_profile(engine, before);
            end = now + opt->seconds;
            continue;
        }
        seconds[o->n_steps++] = now - started;
        if (o->n_steps >= opt->least && now > end)
            break;
    }
    tfx_engine_profile(engine, after);
    sum_kinds(program, before, after, o);
    qsort(seconds, (size_t)o->n_steps, sizeof(*seconds), ascending);
    o->median = seconds[o->n_steps / 2];
    o->least = seconds[0];
    free(before);
    free(after);
    free(seconds);
}

static void measure_stage(const tfx_registry *registry, const tfx_experiment *e, const tfx_arm *arm, const options *opt,
                          outcome *o, tfx_error *err)
{
    tfx_device device = {0};
    tfx_stage_params p = {.registry = registry, .device = &device, .model = arm->model, .train = &arm->train};
    if (tfx_device_open(&device, e, err) != TFX_OK)
        return;
    tfx_stage_plan *plan = tfx_stage_plan_create(&p, err);
    tfx_engine *engine = plan ? tfx_engine_create(&device, plan, err) : NULL;
    if (engine && tfx_engine_initialise(engine, 1, err) == TFX_OK) {
        size_t n = (size_t)(plan->micro_batch * plan->context);
        int32_t *tokens = TFX_NEW_ARRAY(int32_t, n);
        for (size_t i = 0; i < n; i++)
            tokens[i] = (int32_t)((i * 7919) % (size_t)plan->model->vocab);
        tfx_engine_set_batch(engine, tokens, tokens);
        free(tokens);
        snprintf(o->device, sizeof(o->device), "%s", tfx_call_backend_describe(device.cls, device.backend));
        o->tokens = (double)n;
        o->flops = plan->flops_per_token * (double)n;
        o->planned = tfx_stage_peak_bytes(plan);
        o->parameters = plan->n_params;
        measure_steps(engine, plan, opt, arm->train.compute == TFX_BF16, o, err);
    }
    tfx_engine_destroy(engine);
    tfx_stage_plan_destroy(plan);
    tfx_device_close(&device);
}

static void measure_case(const char *spec, const char *name, const char *compute, const options *opt, outcome *o)
{
    char threads[48], precision[48];
    tfx_error err = {0};
    struct rusage used;
    snprintf(threads, sizeof(threads), "experiment.backend.threads=%d", o->threads);
    snprintf(precision, sizeof(precision), "train.compute=%s", compute);
    options with = *opt;
    with.sets[with.n_sets++] = threads;
    with.sets[with.n_sets++] = precision;
    tfx_registry *registry = tfx_registry_open("", &err);
    tfx_experiment *e = registry ? tfx_experiment_load(registry, spec, NULL, with.sets, with.n_sets, &err) : NULL;
    const tfx_arm *arm = e ? tfx_experiment_arm(e, name, &err) : NULL;
    if (arm)
        measure_stage(registry, e, arm, opt, o, &err);
    tfx_experiment_destroy(e);
    tfx_registry_close(registry);
    snprintf(o->failure, sizeof(o->failure), "%.250s", err.status == TFX_OK ? "" : err.text);
    getrusage(RUSAGE_SELF, &used);
    o->resident = (uint64_t)used.ru_maxrss << 10;
}

/* In a process of its own. */
static void run_case(const char *spec, const char *name, const char *compute, const options *opt, outcome *o)
{
    int ends[2], status;
    o->threads = opt->threads ? opt->threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
    o->bandwidth = limits_bandwidth(o->threads); /* here, so that what it reads is not in the other's memory */
    if (pipe(ends))
        abort();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        measure_case(spec, name, compute, opt, o);
        _exit(write(ends[1], o, sizeof(*o)) != (ssize_t)sizeof(*o));
    }
    close(ends[1]);
    if (read(ends[0], o, sizeof(*o)) != (ssize_t)sizeof(*o))
        snprintf(o->failure, sizeof(o->failure), "the process ended without a result");
    close(ends[0]);
    waitpid(child, &status, 0);
}

static void print_row(const char *name, const char *compute, const outcome *o)
{
    printf("%-18s %-5s %9.0f %9.1f %7.1f %5.1f%% %10.2f %9.2f  ", name, compute, o->tokens / o->median,
           o->flops / o->median * 1e-9, o->peak * 1e-9, 100 * o->flops / o->median / o->peak, (double)o->planned * 1e-9,
           (double)o->resident * 1e-9);
    for (int k = 0; k < o->n_kinds && o->shares[k] >= 0.02; k++)
        printf("%s%s %.0f%%", k ? ", " : "", o->kinds[k], 100 * o->shares[k]);
    printf("\n");
}

static void add_json(cJSON *rows, const char *name, const char *compute, const outcome *o)
{
    cJSON *row = cJSON_CreateObject(), *kinds = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "case", name);
    cJSON_AddStringToObject(row, "compute", compute);
    cJSON_AddStringToObject(row, "device", o->device);
    cJSON_AddNumberToObject(row, "threads", o->threads);
    cJSON_AddNumberToObject(row, "steps", o->n_steps);
    cJSON_AddNumberToObject(row, "tokens_per_second", o->tokens / o->median);
    cJSON_AddNumberToObject(row, "seconds_per_step", o->median);
    cJSON_AddNumberToObject(row, "least_seconds_per_step", o->least);
    cJSON_AddNumberToObject(row, "flops_per_second", o->flops / o->median);
    cJSON_AddNumberToObject(row, "peak_flops_per_second", o->peak);
    cJSON_AddNumberToObject(row, "bandwidth", o->bandwidth);
    cJSON_AddNumberToObject(row, "parameters", (double)o->parameters);
    cJSON_AddNumberToObject(row, "planned_bytes", (double)o->planned);
    cJSON_AddNumberToObject(row, "resident_bytes", (double)o->resident);
    for (int k = 0; k < o->n_kinds; k++)
        cJSON_AddNumberToObject(kinds, o->kinds[k], o->shares[k]);
    cJSON_AddItemToObject(row, "time", kinds);
    cJSON_AddItemToArray(rows, row);
}

static int is_asked_for(const options *opt, const char *name)
{
    int found = !opt->n_cases;
    for (int i = 0; i < opt->n_cases; i++)
        found |= !strcmp(opt->cases[i], name);
    return found;
}

/* -1 with a message. */
static double read_number(const char *option, const char *text, double most)
{
    char *end;
    double x = strtod(text, &end);
    if (end != text && !*end && x >= 0 && x <= most)
        return x;
    fprintf(stderr, "bench-cases: %s: expected a number from 0 to %g, found '%s'\n", option, most, text);
    return -1;
}

static int read_options(options *opt, int argc, char **argv)
{
    *opt = (options){.seconds = 5, .least = 5};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json")) {
            opt->json = 1;
        } else if (!strcmp(argv[i], "--threads") && i + 1 < argc) {
            opt->threads = (int)read_number("--threads", argv[++i], 64);
        } else if (!strcmp(argv[i], "--seconds") && i + 1 < argc) {
            opt->seconds = read_number("--seconds", argv[++i], 3600);
        } else if (!strcmp(argv[i], "--least") && i + 1 < argc) {
            opt->least = (int)read_number("--least", argv[++i], MAX_STEPS);
        } else if (!strcmp(argv[i], "--compute") && i + 1 < argc) {
            opt->compute = argv[++i];
            if (strcmp(opt->compute, "f32") && strcmp(opt->compute, "bf16")) {
                fprintf(stderr, "bench-cases: --compute: expected f32 or bf16, found '%s'\n", opt->compute);
                return 0;
            }
        } else if (!strcmp(argv[i], "--spec") && i + 1 < argc) {
            opt->spec = argv[++i];
        } else if (!strcmp(argv[i], "--set") && i + 1 < argc && opt->n_sets < MAX_SETS) {
            opt->sets[opt->n_sets++] = argv[++i];
        } else if (argv[i][0] == '-') {
            fprintf(stderr, "bench-cases: unknown option %s, or one without its value\n", argv[i]);
            return 0;
        } else {
            opt->cases = (const char *const *)&argv[i];
            opt->n_cases = argc - i;
            break;
        }
    }
    return opt->threads >= 0 && opt->seconds >= 0 && opt->least >= 1;
}

/* The names of the arms, for which nothing is executed. */
static tfx_experiment *load_cases(const tfx_registry *registry, const char *spec, const options *opt, tfx_error *err)
{
    tfx_experiment *e = registry ? tfx_experiment_load(registry, spec, NULL, opt->sets, opt->n_sets, err) : NULL;
    for (int i = 0; e && i < opt->n_cases && err->status == TFX_OK; i++)
        tfx_experiment_arm(e, opt->cases[i], err);
    return e;
}

int main(int argc, char **argv)
{
    static const char *const computes[] = {"f32", "bf16"};
    const char *root = getenv("TFX_SOURCE_ROOT");
    options opt;
    tfx_error err = {0};
    char spec[4096];
    if (!read_options(&opt, argc, argv))
        return 2;
    if (opt.spec)
        snprintf(spec, sizeof(spec), "%s", opt.spec);
    else
        snprintf(spec, sizeof(spec), "%s/tests/bench/cases.ini", root ? root : ".");
    tfx_registry *registry = tfx_registry_open("", &err);
    tfx_experiment *e = load_cases(registry, spec, &opt, &err);
    cJSON *rows = cJSON_CreateArray();
    int shown = 0;
    for (size_t a = 0; e && a < e->n_arms && err.status == TFX_OK; a++)
        for (int c = 0; c < 2 && is_asked_for(&opt, e->arms[a].name); c++) {
            outcome o = {0};
            if (opt.compute && strcmp(opt.compute, computes[c]))
                continue;
            run_case(spec, e->arms[a].name, computes[c], &opt, &o);
            if (o.failure[0]) {
                tfx_fail(&err, TFX_E_INVALID, "%s in %s: %s", e->arms[a].name, computes[c], o.failure);
                break;
            }
            add_json(rows, e->arms[a].name, computes[c], &o);
            if (!opt.json && !shown++)
                printf("%s, %.1f GB/s from memory\n\n"
                       "case               type   tokens/s   GFLOP/s   limit  share planned GB  resident  time by kind "
                       "of op\n",
                       o.device, o.bandwidth * 1e-9);
            if (!opt.json)
                print_row(e->arms[a].name, computes[c], &o);
        }
    if (opt.json && err.status == TFX_OK) {
        char *text = cJSON_Print(rows);
        puts(text);
        free(text);
    }
    cJSON_Delete(rows);
    tfx_experiment_destroy(e);
    tfx_registry_close(registry);
    if (err.status != TFX_OK)
        fprintf(stderr, "bench-cases: %s\n", err.text);
    return err.status != TFX_OK;
}
