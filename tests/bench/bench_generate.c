/* Generation with GPT-2 124M: tokens per second, and how much of the time it takes to read all weights once, which is the
 * least that a token can take. Usage: bench_generate [ROWS [TOKENS [f32|bf16]]]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/plan/arm.h"
#include "framework/train/generation.h"
#include "tests/bench/limits.h"

enum { PROMPT = 256 };

/* Bytes of weights that products read for a token. */
static double weight_bytes(const tfx_state_layout *s)
{
    double bytes = 0;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->tensors[i].kind == TFX_STATE_PARAM)
            bytes += (double)s->tensors[s->tensors[i].copy == TFX_STATE_NONE ? i : s->tensors[i].copy].bytes;
    return bytes;
}

static void count(void *ctx, uint64_t text, int32_t token)
{
    (void)text;
    (void)token;
    ++*(uint64_t *)ctx;
}

int main(int argc, char **argv)
{
    int64_t rows = argc > 1 ? atoi(argv[1]) : 1;
    uint64_t tokens = argc > 2 ? (uint64_t)atoi(argv[2]) : 50, made = 0;
    const char *root = getenv("TFX_SOURCE_ROOT");
    tfx_error err = {0};
    char path[4096];
    snprintf(path, sizeof(path), "%s/experiments/scale_124m_to_1.4b.ini", root ? root : ".");
    char compute[64];
    snprintf(compute, sizeof(compute), "train.compute=%.20s", argc > 3 ? argv[3] : "f32");
    const char *sets[] = {compute};
    tfx_registry *registry = tfx_registry_open("", &err);
    tfx_experiment *e = registry ? tfx_experiment_load(registry, path, NULL, sets, 1, &err) : NULL;
    tfx_device device = {0};
    const tfx_arm *arm = e && tfx_device_open(&device, e, &err) == TFX_OK
                             ? tfx_experiment_arm(e, "transformer_124m", &err)
                             : NULL;
    tfx_stage_params p = {.registry = registry,
                          .device = &device,
                          .model = arm ? arm->model : NULL,
                          .train = arm ? &arm->train : NULL,
                          .eval_only = 1,
                          .eval_rows = rows,
                          .extends = 1};
    tfx_inference f = {.plan = arm ? tfx_stage_plan_create(&p, &err) : NULL};
    f.engine = f.plan ? tfx_engine_create(&device, f.plan, &err) : NULL;
    if (!f.engine || tfx_engine_initialise(f.engine, 1, &err) != TFX_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    tfx_generated *texts = TFX_NEW_ARRAY(tfx_generated, (size_t)rows);
    for (int64_t r = 0; r < rows; r++) {
        texts[r] = (tfx_generated){TFX_NEW_ARRAY(int32_t, PROMPT + 2 * tokens), PROMPT};
        for (int i = 0; i < PROMPT; i++)
            texts[r].tokens[i] = (i * 7919 + (int)r) % 50257;
    }
    const tfx_sampling greedy = {.top_p = 1};
    double start = tfx_now();
    tfx_generate(&f, &greedy, texts, 1, count, &made, &err);
    double prompt = tfx_now() - start;
    start = tfx_now();
    /* What is kept is of this call: so the prompt again, whose time is known. */
    tfx_generate(&f, &greedy, texts, tokens, count, &made, &err);
    double seconds = (tfx_now() - start - prompt) / (double)tokens,
           rate = limits_bandwidth((int)sysconf(_SC_NPROCESSORS_ONLN));
    double bytes = weight_bytes(&f.plan->state), least = bytes / rate;
    printf("transformer_124m, %s, %s, %lld texts\n", compute, device.cls->describe(device.backend), (long long)rows);
    printf("prompt     %8.1f tokens/s\n", (double)(rows * PROMPT) / prompt);
    printf("generation %8.1f tokens/s, %.1f ms a step\n", (double)rows / seconds, 1e3 * seconds);
    printf("bandwidth  %8.1f GB/s, %.1f ms to read %.0f MB of weights: %.0f%% of it\n", 1e-9 * rate, 1e3 * least,
           1e-6 * bytes, 100 * least / seconds);
    return 0;
}
