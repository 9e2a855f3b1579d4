/* What another program on one of the cores costs: the products of a training step in a row,
 * with nothing else to do on the machine and beside a process that keeps core 0 busy.
 *
 *   TFX_PLUGIN_PATH=build/plugins build/tests/bench/bench-busy [other folder with a cpu.so [rounds [threads]]]
 *
 * With a second plugin, say of another version, the two take turns within each round, and the ratio of
 * their speeds is printed too: the median over rounds, which a disturbance of the machine hits
 * alike. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REQUIRE(condition, ...) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, __VA_ARGS__); \
            exit(1); \
        } \
    } while (0)
#include "tests/bench/median.h"
#include "tests/plugins/program.h"

enum { MAX_ROUNDS = 99, MAX_PLUGINS = 2 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The products, attention and an update of a block: tokens x width, with a hidden layer of
 * four times the width, forwards and backwards. */
static program *block(int64_t tokens, int64_t width, int layers)
{
    program *g = program_create();
    int64_t wide = 4 * width, heads = width / 64;
    tfx_value x = random_input(g, SHAPE(tokens, width), 1), h = random_input(g, SHAPE(tokens, wide), 1);
    tfx_value w = random_input(g, SHAPE(wide, width), 1), dw = result(g, SHAPE(wide, width));
    tfx_value y = result(g, SHAPE(tokens, wide)), dx = result(g, SHAPE(tokens, width));
    shape split = SHAPE(tokens / 256, 256, heads, 64), rows = SHAPE(tokens / 256, heads, 256);
    tfx_value q = random_input(g, split, 1), o = result(g, split), lse = result(g, rows);
    for (int i = 0; i < layers; i++) {
        ADD_SINGLE(g, TFX_OP_ATTENTION, 3, 2, q, q, q, o, lse)->reals[0] = 0.125;
        tfx_node *n = ADD_SINGLE(g, TFX_OP_MATMUL, 2, 1, x, w, y);
        n->ints[0] = TFX_TRANS_B, n->reals[0] = 1;
        ADD_SINGLE(g, TFX_OP_UNARY, 1, 1, y, y)->ints[0] = TFX_GELU_TANH;
        ADD_SINGLE(g, TFX_OP_MATMUL, 2, 1, h, w, dx)->reals[0] = 1;
        n = ADD_SINGLE(g, TFX_OP_MATMUL, 2, 1, h, x, dw);
        n->ints[0] = TFX_TRANS_A, n->reals[0] = 1;
        n = ADD_SINGLE(g, TFX_OP_AFFINE, 1, 1, dw, w);
        n->reals[0] = 1e-6;
    }
    return g;
}

typedef struct plugin {
    const tfx_backend_class *cls;
    tfx_backend *backend;
    tfx_buffer *buffers[3];
    tfx_exec *exec;
} plugin;

static void plugin_open(plugin *p, const char *folder)
{
    setenv("TFX_PLUGIN_PATH", folder, 1);
    p->cls = load_backend("cpu");
    REQUIRE(p->cls->open(&test_host, NULL, &p->backend) == TFX_OK, "%s\n", host_message);
}

static void plugin_prepare(plugin *p, program *g)
{
    make_images(g);
    for (int i = 1; i < 3; i++) {
        REQUIRE(p->cls->buffer_create(p->backend, buffer_bytes(g, i), &p->buffers[i]) == TFX_OK, "%s\n", host_message);
        p->cls->upload(p->backend, p->buffers[i], 0, g->first[i], buffer_bytes(g, i));
    }
    REQUIRE(p->cls->compile(p->backend, &g->p, &p->exec) == TFX_OK, "%s\n", host_message);
    p->cls->run(p->exec, p->buffers[1], p->buffers[2]);
}

static void plugin_finish(plugin *p)
{
    p->cls->exec_destroy(p->exec);
    p->cls->buffer_destroy(p->backend, p->buffers[1]);
    p->cls->buffer_destroy(p->backend, p->buffers[2]);
}

/* Runs of the program per second. */
static double speed(const plugin *p, double window)
{
    int times = 0;
    double start = now();
    do {
        p->cls->run(p->exec, p->buffers[1], p->buffers[2]);
        times++;
    } while (now() - start < window);
    return times / (now() - start);
}

/* A process that computes on core 0, stopped. */
static pid_t start_disturbance(void)
{
    pid_t child = fork();
    REQUIRE(child >= 0, "cannot start a process\n");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* stopped, it would see nothing else */
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(0, &set);
        sched_setaffinity(0, sizeof(set), &set);
        for (volatile uint64_t i = 0; getppid() != 1; i++)
            for (volatile int k = 0; k < 1000000; k++)
                ;
        _exit(0);
    }
    kill(child, SIGSTOP);
    return child;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int64_t tokens, width;
        int layers;
    } sizes[] = {{"1024 tokens, width 128", 1024, 128, 4}, {"1024 tokens, width 768", 1024, 768, 2}};
    const char *folders[MAX_PLUGINS] = {getenv("TFX_PLUGIN_PATH"), argc > 1 ? argv[1] : NULL};
    int n = argc > 1 && argv[1][0] ? 2 : 1, rounds = argc > 2 ? atoi(argv[2]) : 15;
    rounds = rounds < 1 ? 1 : rounds > MAX_ROUNDS ? MAX_ROUNDS : rounds;
    host_threads = argc > 3 ? atoi(argv[3]) : 0;
    REQUIRE(folders[0], "TFX_PLUGIN_PATH must name the folder of the built plugins\n");
    pid_t child = start_disturbance();
    plugin plugins[MAX_PLUGINS];
    for (int i = 0; i < n; i++) {
        char *folder = strdup(folders[i]);
        plugin_open(&plugins[i], folder);
        free(folder);
    }
    printf("%s; median of %d rounds\n", plugins[0].cls->describe(plugins[0].backend), rounds);
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        program *g = block(sizes[k].tokens, sizes[k].width, sizes[k].layers);
        for (int i = 0; i < n; i++)
            plugin_prepare(&plugins[i], g);
        double quiet[MAX_PLUGINS][MAX_ROUNDS], busy[MAX_PLUGINS][MAX_ROUNDS], kept[MAX_PLUGINS][MAX_ROUNDS];
        double ratio[2][MAX_ROUNDS];
        for (int r = 0; r < rounds; r++) {
            for (int turn = 0; turn < n; turn++) {
                int i = (turn + r) % n;
                quiet[i][r] = speed(&plugins[i], 0.1);
            }
            kill(child, SIGCONT);
            for (int turn = 0; turn < n; turn++) {
                int i = (turn + r) % n;
                busy[i][r] = speed(&plugins[i], 0.2);
            }
            kill(child, SIGSTOP);
            for (int i = 0; i < n; i++)
                kept[i][r] = busy[i][r] / quiet[i][r];
            if (n == 2) {
                ratio[0][r] = quiet[0][r] / quiet[1][r];
                ratio[1][r] = busy[0][r] / busy[1][r];
            }
        }
        printf("%s\n", sizes[k].name);
        for (int i = 0; i < n; i++)
            printf("  %-8s %8.1f runs/s alone, %8.1f with core 0 busy: %.0f%% kept\n", i ? "other" : "this",
                   median(quiet[i], rounds), median(busy[i], rounds), 100 * median(kept[i], rounds));
        if (n == 2)
            printf("  this / other: %.3f alone, %.3f with core 0 busy\n", median(ratio[0], rounds),
                   median(ratio[1], rounds));
        for (int i = 0; i < n; i++)
            plugin_finish(&plugins[i]);
        program_destroy(g);
    }
    for (int i = 0; i < n; i++)
        plugins[i].cls->close(plugins[i].backend);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
