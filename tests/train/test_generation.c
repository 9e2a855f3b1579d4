/* Generation: what is computed position by position, with keys and values kept, against evaluations of whole windows. */
#include "framework/train/generation.h"

#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

enum { ROWS = 3, CONTEXT = 6 };

#define MORE(text) text "[arm a]\nmodel = m\n"
static const char *const specs[] = {
    SPEC_TRANSFORMER "[arm a]\nmodel = transformer\n",
    SPEC_TOKENFORMER "[arm a]\nmodel = tokenformer\n",
    /* Learned positions: as many as the context has, and more. */
    MORE(SPEC_TRANSFORMER "[model m]\nextends = transformer\nembedding.positions = 6\nblocks.mixer.rotary = 0\n"),
    MORE(SPEC_TRANSFORMER "[model m]\nextends = transformer\nembedding.positions = 9\n"),
    /* Scores over slots in every way there is. */
    MORE(SPEC_TOKENFORMER "[model m]\nextends = tokenformer\nblocks.mixer.{q,k,v,o}.score = softmax\n"
                          "blocks.ffn.score = softmax\n"),
    MORE(SPEC_TRANSFORMER "[model m]\nextends = transformer\nblocks.mixer.kv_heads = 1\nblocks.mixer.qk_norm = "
                          "true\nblocks.mixer.window = 3\n"
                          "blocks.mixer.alibi = true\nblocks.mixer.soft_cap = 2\nblocks.ffn = glu\n"),
    MORE(SPEC_TOKENFORMER "[model m]\nextends = tokenformer\nblocks.ffn = mixture_pattention\nblocks.ffn.slots = 12\n"
                          "blocks.ffn.groups = 4\nblocks.mixer.{q,k,v,o}.top_k = 2\n"),
    MORE(SPEC_TRANSFORMER "[model m]\nextends = transformer\nblocks.{norm1,norm2} = rmsnorm\nhead = linear\n"),
};
enum { N_SPECS = sizeof(specs) / sizeof(specs[0]) };

typedef struct bench {
    fixture f;
    tfx_inference step, whole; /* the same weights */
    char *text;
} bench;

static void open_one(bench *b, tfx_inference *f, int extends, int64_t rows)
{
    const tfx_arm *arm = &b->f.experiment->arms[0];
    tfx_stage_params p = {.registry = b->f.registry,
                          .device = &b->f.device,
                          .model = arm->model,
                          .train = &arm->train,
                          .eval_only = 1,
                          .eval_rows = rows,
                          .extends = extends};
    *f = (tfx_inference){.plan = tfx_stage_plan_create(&p, &b->f.err)};
    fixture_ok(&b->f);
    f->engine = tfx_engine_create(&b->f.device, f->plan, &b->f.err);
    fixture_ok(&b->f);
    tfx_engine_initialise(f->engine, 7, &b->f.err);
    f->tokens = TFX_NEW_ARRAY(int32_t, CONTEXT);
    f->targets = TFX_NEW_ARRAY(int32_t, CONTEXT);
}

static void bench_open(bench *b, const char *rest, int64_t rows)
{
    b->text = tfx_printf("%s%s%s", SPEC_HEAD, SPEC_TRAIN, rest);
    fixture_open(&b->f, b->text);
    open_one(b, &b->step, 1, rows);
    open_one(b, &b->whole, 0, 1);
}

static void bench_close(bench *b)
{
    tfx_inference_close(&b->step);
    tfx_inference_close(&b->whole);
    fixture_close(&b->f);
    free(b->text);
}

/* Logits of the last of n tokens, by a window. */
static void whole_logits(bench *b, const int32_t *tokens, uint64_t n, float *logits)
{
    float sum;
    tfx_inference_set_window(&b->whole, tokens, n);
    tfx_engine_eval(b->whole.engine, &sum, &b->f.err);
    fixture_ok(&b->f);
    tfx_engine_logits(b->whole.engine, (n - 1) * VOCAB, VOCAB, logits);
}

static void check_logits(const float *found, const float *expected, const char *what, uint64_t row, uint64_t n)
{
    for (int i = 0; i < VOCAB; i++)
        ck_assert_msg(fabs((double)found[i] - (double)expected[i]) < 1e-4,
                      "%s, row %d, position %d: logit %d is %g, expected %g", what, (int)row, (int)n, i,
                      (double)found[i], (double)expected[i]);
}

/* Rows that are at different places: prefixes of 4, 0 and 2 tokens, then two more of each. */
START_TEST(positions)
{
    static const uint64_t before[ROWS] = {4, 0, 2};
    bench b;
    bench_open(&b, specs[_i], ROWS);
    ck_assert_msg(!b.step.plan->whole_windows, "%s", b.step.plan->whole_windows);
    int32_t text[ROWS][CONTEXT], tokens[ROWS][CONTEXT], at[ROWS][CONTEXT], next[ROWS], next_at[ROWS];
    for (int r = 0; r < ROWS; r++)
        for (int t = 0; t < CONTEXT; t++) {
            text[r][t] = (int32_t)(tfx_random_u64(1, (uint64_t)r, (uint64_t)t) % VOCAB);
            at[r][t] = before[r] ? (int32_t)((uint64_t)t < before[r] ? (uint64_t)t : before[r] - 1) : 0;
            tokens[r][t] = text[r][at[r][t]];
        }
    ck_assert_int_eq(b.step.plan->prefix.n, CONTEXT);
    tfx_engine_extend(b.step.engine, 0, &tokens[0][0], &at[0][0], &b.f.err);
    fixture_ok(&b.f);
    for (uint64_t more = 0; more < 2; more++) {
        for (int r = 0; r < ROWS; r++) {
            next_at[r] = (int32_t)(before[r] + more);
            next[r] = text[r][next_at[r]];
        }
        tfx_engine_extend(b.step.engine, 1, next, next_at, &b.f.err);
        fixture_ok(&b.f);
        for (uint64_t r = 0; r < ROWS; r++) {
            float found[VOCAB], expected[VOCAB];
            tfx_engine_next_logits(b.step.engine, r * VOCAB, VOCAB, found);
            whole_logits(&b, text[r], before[r] + more + 1, expected);
            check_logits(found, expected, "after a prefix", r, before[r] + more);
        }
    }
    bench_close(&b);
}
END_TEST

typedef struct emitted {
    int32_t tokens[ROWS][40];
    uint64_t n[ROWS];
} emitted;

static void emit(void *ctx, uint64_t text, int32_t token)
{
    emitted *e = ctx;
    e->tokens[text][e->n[text]++] = token;
}

/* The most likely tokens, of prompts shorter and longer than the context, far beyond it: each is what a window gives over the
 * tokens that are seen then. */
START_TEST(most_likely)
{
    static const uint64_t prompts[ROWS] = {1, 5, 11};
    enum { COUNT = 20 };
    bench b;
    bench_open(&b, specs[_i], ROWS);
    int32_t room[ROWS][64];
    tfx_generated texts[ROWS];
    emitted e = {0};
    for (uint64_t r = 0; r < ROWS; r++) {
        texts[r] = (tfx_generated){room[r], prompts[r]};
        for (uint64_t t = 0; t < prompts[r]; t++)
            room[r][t] = (int32_t)(tfx_random_u64(2, r, t) % VOCAB);
    }
    tfx_sampling greedy = {.temperature = 0, .top_p = 1};
    ck_assert_int_eq(tfx_generate(&b.step, &greedy, texts, COUNT, emit, &e, &b.f.err), TFX_OK);
    for (uint64_t r = 0; r < ROWS; r++) {
        ck_assert_uint_eq(texts[r].n, prompts[r] + COUNT);
        ck_assert_uint_eq(e.n[r], COUNT);
        ck_assert_mem_eq(e.tokens[r], room[r] + prompts[r], COUNT * sizeof(int32_t));
        uint64_t first = prompts[r] > CONTEXT ? prompts[r] - CONTEXT : 0;
        for (uint64_t n = prompts[r]; n < texts[r].n; n++) {
            float logits[VOCAB];
            if (n - first > CONTEXT)
                first = n - CONTEXT / 2;
            whole_logits(&b, room[r] + first, n - first, logits);
            for (int i = 0; i < VOCAB; i++)
                ck_assert_msg(logits[i] <= logits[room[r][n]] + 1e-4f, "row %d: token %d is %d, %d is likelier", (int)r,
                              (int)n, room[r][n], i);
        }
    }
    bench_close(&b);
}
END_TEST

/* How often each token is drawn, against softmax over those that count. */
START_TEST(drawn)
{
    static const tfx_sampling cases[] = {{1, 0, 1, 3},   {0.5, 0, 1, 3}, {1, 3, 1, 3},
                                         {1, 0, 0.4, 3}, {2, 5, 0.6, 3}, {1, 0, 0, 3}};
    enum { DRAWS = 4000 };
    const tfx_sampling *s = &cases[_i];
    bench b;
    bench_open(&b, specs[0], 1);
    float logits[VOCAB];
    double p[VOCAB], total = 0, kept = 0;
    int order[VOCAB], counts[VOCAB] = {0};
    int32_t prompt[3] = {1, 2, 3};
    whole_logits(&b, prompt, 3, logits);
    for (int i = 0; i < VOCAB; i++) {
        p[i] = exp((double)logits[i] / s->temperature);
        order[i] = i;
    }
    for (int i = 0; i < VOCAB; i++) /* by weight */
        for (int k = i + 1; k < VOCAB; k++)
            if (p[order[k]] > p[order[i]]) {
                int swap = order[i];
                order[i] = order[k];
                order[k] = swap;
            }
    for (int i = 0; i < VOCAB; i++)
        total += !s->top_k || i < s->top_k ? p[order[i]] : 0;
    for (int i = 0; i < VOCAB; i++) {
        int counts_too = (!s->top_k || i < s->top_k) && (i == 0 || kept < s->top_p * total);
        p[order[i]] = counts_too ? p[order[i]] : 0;
        kept += p[order[i]];
    }
    for (uint64_t i = 0; i < DRAWS; i++) {
        int32_t room[4] = {1, 2, 3};
        tfx_generated one = {room, 3};
        tfx_sampling one_seed = *s;
        emitted e = {0};
        one_seed.seed = i;
        ck_assert_int_eq(tfx_generate(&b.step, &one_seed, &one, 1, emit, &e, &b.f.err), TFX_OK);
        counts[room[3]]++;
    }
    for (int i = 0; i < VOCAB; i++) {
        double expected = p[i] / kept * DRAWS, sd = sqrt(expected * (1 - p[i] / kept));
        ck_assert_msg(fabs(counts[i] - expected) <= 4 * sd, "token %d: %d of %d, expected %g", i, counts[i], DRAWS,
                      expected);
    }
    bench_close(&b);
}
END_TEST

/* The same text alone and with others; with another seed, and as another of several, another one. */
START_TEST(reproducible)
{
    tfx_sampling s = {.temperature = 1, .top_p = 1, .seed = 5};
    enum { COUNT = 30 };
    int32_t room[3][ROWS][64] = {{{0}}};
    for (int k = 0; k < 3; k++) {
        bench b;
        emitted e = {0};
        uint64_t rows = k == 1 ? ROWS : 1;
        tfx_generated texts[ROWS];
        bench_open(&b, specs[1], (int64_t)rows);
        for (uint64_t r = 0; r < rows; r++)
            texts[r] = (tfx_generated){room[k][r], 2};
        s.seed = k == 2 ? 6 : 5;
        tfx_generate(&b.step, &s, texts, COUNT, emit, &e, &b.f.err);
        fixture_ok(&b.f);
        bench_close(&b);
    }
    ck_assert_mem_eq(room[0][0], room[1][0], sizeof(room[0][0]));
    ck_assert_mem_ne(room[1][0], room[1][1], sizeof(room[0][0]));
    ck_assert_mem_ne(room[0][0], room[2][0], sizeof(room[0][0]));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/generation");
    TCase *t = tcase_create("generation");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, positions, 0, N_SPECS);
    tcase_add_loop_test(t, most_likely, 0, N_SPECS);
    tcase_add_loop_test(t, drawn, 0, 6);
    tcase_add_test(t, reproducible);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
