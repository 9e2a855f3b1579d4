/* What a training step does around the model: micro-batches that add up, clipping, weight
 * decay, the optimizer's state, and optimizers that make mistakes. */
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

#undef fail /* Check's macro would take host->fail */

enum { STEPS = 4 };

static void train(stage_runner *r, float *log)
{
    for (uint64_t i = 0; i < STEPS; i++)
        runner_step(r, i, 1e-2, log + 2 * i);
}

static char *spec_text(const char *train_keys, const char *rest)
{
    return tfx_printf("%s%s%s%s", SPEC_HEAD, SPEC_TRAIN, train_keys, rest);
}

START_TEST(micro_batches_add_up)
{
    static const char *const micro[] = {"micro_batch = 4\n", "micro_batch = 1\n"};
    char *state[2] = {0};
    float log[2][2 * STEPS];
    for (int k = 0; k < 2; k++) {
        char *text = spec_text(micro[k], SPEC_TOKENFORMER "[arm a]\nmodel = tokenformer\ntrain.optimizer = sgd\n");
        fixture f;
        stage_runner r;
        fixture_open(&f, text);
        runner_open(&r, &f.device, stage_plan(&f, "a", 0), 1);
        ck_assert_int_eq(r.plan->n_micro, k ? 4 : 1);
        train(&r, log[k]);
        state[k] = tfx_alloc(1 << 20);
        uint64_t at = 0;
        for (uint32_t i = 0; i < r.plan->state.n; i++) { /* parameters and optimizer state alone */
            const tfx_state_tensor *t = &r.plan->state.tensors[i];
            if (t->kind == TFX_STATE_PARAM || t->kind == TFX_STATE_OPTIMIZER) {
                float *data = runner_read(&r, t);
                memcpy(state[k] + at, data, t->bytes);
                at += t->bytes;
                free(data);
            } else if (t->kind == TFX_STATE_SCRATCH) { /* accumulators are zero between steps */
                float *data = runner_read(&r, t);
                for (uint64_t e = 0; e < t->elements; e++)
                    ck_assert_msg(data[e] == 0, "%s is not zero", t->name);
                free(data);
            }
        }
        if (k) {
            double worst = 0, largest = 0;
            for (uint64_t i = 0; i < at / 4; i++) {
                double d = fabs((double)((float *)state[0])[i] - (double)((float *)state[1])[i]);
                worst = d <= worst ? worst : d;
                largest = fmax(largest, fabs((double)((float *)state[0])[i]));
            }
            ck_assert_msg(worst <= 1e-5 * largest, "off by %g of %g", worst, largest);
        }
        runner_close(&r);
        fixture_close(&f);
        free(text);
    }
    for (int i = 0; i < 2 * STEPS; i++) {
        /* Losses, and the first norm, which is of the same parameters. Later norms (odd i) amplify what rounding did to
         * the parameters: up to 3.5e-5 from other seeds, with norms that are right to 1e-6 each (test_clip.c). */
        double a = (double)log[0][i], b = (double)log[1][i], bound = i == 1 ? 2e-6 : i % 2 ? 5e-5 : 1e-6;
        ck_assert_msg(fabs(a - b) <= bound * a, "step %d: %.8g and %.8g", i / 2, a, b);
    }
    free(state[0]);
    free(state[1]);
}
END_TEST

/* After one step from nothing, the momentum is the gradient. */
static float *momentum(const char *train_keys, const char *name, float *norm, uint64_t *n, uint64_t *bytes)
{
    char *text = spec_text(train_keys, SPEC_TOKENFORMER "[arm a]\nmodel = tokenformer\ntrain.optimizer = sgd\n"
                                                        "train.clip = 0\n");
    float out[2];
    fixture f;
    stage_runner r;
    fixture_open(&f, text);
    runner_open(&r, &f.device, stage_plan(&f, "a", 0), 1);
    const tfx_state_tensor *t = runner_tensor(&r, name);
    runner_step(&r, 0, 1e-2, out);
    float *x = runner_read(&r, t);
    *norm = out[1];
    *n = t->elements;
    *bytes = tfx_stage_peak_bytes(r.plan);
    runner_close(&r);
    fixture_close(&f);
    free(text);
    return x;
}

/* Gradients that are kept in bf16 are the f32 ones, rounded once for each micro-batch. The norm is of those that are not rounded. */
START_TEST(gradients_in_bf16)
{
    static const char *const micro[] = {"micro_batch = 4\n", "micro_batch = 1\n"};
    static const char *const names[] = {"embedding.weight/m", "blocks.1.ffn.key/m", "blocks.0.mixer.q.value/m",
                                        "norm.weight/m"};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 4; i++) {
            char *narrow = tfx_printf("%sgradients = bf16\n", micro[k]);
            float norms[2], largest = 0;
            uint64_t n, bytes[2];
            float *exact = momentum(micro[k], names[i], &norms[0], &n, &bytes[0]);
            float *rounded = momentum(narrow, names[i], &norms[1], &n, &bytes[1]);
            for (uint64_t e = 0; e < n; e++)
                largest = fmaxf(largest, fabsf(exact[e]));
            for (uint64_t e = 0; e < n; e++) {
                uint32_t bits = (uint32_t)tfx_bf16_from_f32(exact[e]) << 16;
                ck_assert_msg(
                    k ? fabsf(rounded[e] - exact[e]) <= 4 * 0x1p-8f * largest : !memcmp(&bits, &rounded[e], 4),
                    "%s, element %d: %.9g, in f32 %.9g", names[i], (int)e, (double)rounded[e], (double)exact[e]);
            }
            ck_assert_msg(k ? fabsf(norms[0] - norms[1]) < 0x1p-7f * norms[0] : norms[0] == norms[1],
                          "the norm is %.9g, in f32 %.9g", (double)norms[1], (double)norms[0]);
            ck_assert(k ? bytes[1] < bytes[0]
                        : bytes[1] <= bytes[0]); /* with one micro-batch, where activations are less */
            free(exact);
            free(rounded);
            free(narrow);
        }
}
END_TEST

/* The gradient of a step is that of all its micro-batches, not of the last one. */
START_TEST(no_micro_batch_is_dropped)
{
    static const char *const batch[] = {"train.batch = 4\n", "train.batch = 1\n"};
    float *table[2] = {0};
    uint64_t n = 0;
    for (int k = 0; k < 2; k++) {
        char *text = tfx_printf("%s%s%s[arm a]\nmodel = transformer\ntrain.micro_batch = 1\n"
                                "train.optimizer = sgd\ntrain.clip = 0\n%s",
                                SPEC_HEAD, SPEC_TRAIN, SPEC_TRANSFORMER, batch[k]);
        float out[2];
        fixture f;
        stage_runner r;
        fixture_open(&f, text);
        runner_open(&r, &f.device, stage_plan(&f, "a", 0), 1);
        const tfx_state_tensor *t = runner_tensor(&r, "embedding.weight");
        float *before = runner_read(&r, t);
        runner_step(&r, k ? 3 : 0, 1, out); /* micro-batches 0 to 3, or number 3 alone */
        table[k] = runner_read(&r, t);
        n = t->elements;
        for (uint64_t i = 0; i < n; i++)
            table[k][i] -= before[i];
        free(before);
        runner_close(&r);
        fixture_close(&f);
        free(text);
    }
    double gap = 0, size = 0;
    for (uint64_t i = 0; i < n; i++) {
        gap += ((double)table[0][i] - (double)table[1][i]) * ((double)table[0][i] - (double)table[1][i]);
        size += (double)table[0][i] * (double)table[0][i];
    }
    ck_assert_msg(sqrt(gap) > 0.3 * sqrt(size) && size > 0, "only %g of %g differs", sqrt(gap), sqrt(size));
    free(table[0]);
    free(table[1]);
}
END_TEST

/* ---- the update ---- */

START_TEST(low_precision_moments)
{
    static const char *const moments[] = {"train.optimizer.moments = f32\n", "train.optimizer.moments = bf16\n"};
    float *key[2] = {0}, *before = NULL;
    uint64_t bytes[2], params = 0, n = 0;
    for (int k = 0; k < 2; k++) {
        char *text = tfx_printf("%s%s%s[arm a]\nmodel = tokenformer\n%s", SPEC_HEAD, SPEC_TRAIN, SPEC_TOKENFORMER,
                                moments[k]);
        float log[2 * STEPS];
        fixture f;
        stage_runner r;
        fixture_open(&f, text);
        runner_open(&r, &f.device, stage_plan(&f, "a", 0), 1);
        const tfx_state_tensor *t = runner_tensor(&r, "blocks.0.ffn.value"),
                               *m = runner_tensor(&r, "blocks.0.ffn.value/v");
        ck_assert_int_eq(m->dtype, k ? TFX_BF16 : TFX_F32);
        if (!k)
            before = runner_read(&r, t);
        train(&r, log);
        key[k] = runner_read(&r, t);
        bytes[k] = r.plan->optimizer_bytes;
        params = r.plan->param_bytes;
        n = t->elements;
        runner_close(&r);
        fixture_close(&f);
        free(text);
    }
    double gap = 0, way = 0;
    for (uint64_t i = 0; i < n; i++) {
        gap += ((double)key[0][i] - (double)key[1][i]) * ((double)key[0][i] - (double)key[1][i]);
        way += ((double)key[0][i] - (double)before[i]) * ((double)key[0][i] - (double)before[i]);
    }
    /* bf16 holds 8 bits: moments off by up to 2^-8 make steps off by about as much. */
    ck_assert_msg(sqrt(gap) <= 0x1p-6 * sqrt(way) && gap > 0, "off by %g of a way of %g", sqrt(gap), sqrt(way));
    ck_assert_uint_gt(bytes[0], 2 * params - 1000);
    ck_assert_uint_lt(bytes[1], bytes[0] - params * 9 / 10);
    free(key[0]);
    free(key[1]);
    free(before);
}
END_TEST

/* sgd without momentum moves by lr times the clipped gradient (test_clip.c has every size of norm). */
START_TEST(clipping)
{
    static const double clips[] = {0, 1e-3, 1e3};
    for (int k = 0; k < 3; k++) {
        char *text = tfx_printf("%s%s%s[arm a]\nmodel = transformer\ntrain.optimizer = sgd\n"
                                "train.optimizer.momentum = 0\ntrain.clip = %g\n",
                                SPEC_HEAD, SPEC_TRAIN, SPEC_TRANSFORMER, clips[k]);
        float out[2];
        fixture f;
        stage_runner r;
        fixture_open(&f, text);
        runner_open(&r, &f.device, stage_plan(&f, "a", 0), 1);
        char *before = runner_state(&r);
        runner_step(&r, 0, 0.5, out);
        char *after = runner_state(&r);
        double moved = 0;
        for (uint32_t i = 0; i < r.plan->state.n; i++) {
            const tfx_state_tensor *t = &r.plan->state.tensors[i];
            for (uint64_t e = 0; t->kind == TFX_STATE_PARAM && e < t->elements; e++) {
                double d = (double)((float *)(after + t->offset))[e] - (double)((float *)(before + t->offset))[e];
                moved += d * d;
            }
        }
        double expected = (double)out[1] * (clips[k] > 0 ? fmin(1, clips[k] / ((double)out[1] + 1e-6)) : 1);
        ck_assert_msg(fabs(sqrt(moved) / 0.5 - expected) <= 1e-3 * expected, "clip %g: moved by %g, expected %g",
                      clips[k], sqrt(moved) / 0.5, expected);
        ck_assert_float_gt(out[1], 0.01f); /* reported as it was before clipping */
        free(before);
        free(after);
        runner_close(&r);
        fixture_close(&f);
        free(text);
    }
}
END_TEST

/* Weight decay takes lr * decay of matrices, and nothing of vectors, unless told to, and of tau. */
START_TEST(weight_decay_groups)
{
    static const char *const optimizers[] = {"adamw", "sgd", "adamw\ntrain.optimizer.decay = everything"};
    for (int o = 0; o < 3; o++) {
        char *state[2], *start = NULL;
        for (int k = 0; k < 2; k++) {
            char *text = tfx_printf("%s%s%s[arm a]\nmodel = tokenformer\ntrain.optimizer = %s\n"
                                    "train.optimizer.weight_decay = %s\n",
                                    SPEC_HEAD, SPEC_TRAIN, SPEC_TOKENFORMER, optimizers[o], k ? "0.5" : "0");
            float out[2];
            fixture f;
            stage_runner r;
            fixture_open(&f, text);
            runner_open(&r, &f.device, stage_plan(&f, "a", 0), 1);
            if (!k)
                start = runner_state(&r);
            runner_step(&r, 0, 0.25, out);
            state[k] = runner_state(&r);
            for (uint32_t i = 0; k && i < r.plan->state.n; i++) {
                const tfx_state_tensor *t = &r.plan->state.tensors[i];
                double worst = 0;
                for (uint64_t e = 0; t->kind == TFX_STATE_PARAM && e < t->elements; e++) {
                    double p = (double)((float *)(start + t->offset))[e];
                    double with = (double)((float *)(state[1] + t->offset))[e];
                    double d = with - (double)((float *)(state[0] + t->offset))[e];
                    int decays = t->n_dims >= 2 || (o == 2 && !(t->flags & TFX_PARAM_FIXED));
                    worst = fmax(worst, fabs(d - (decays ? -0.25 * 0.5 * p : 0)));
                }
                ck_assert_msg(worst <= 1e-6, "%s: %s decays wrong by %g", optimizers[o], t->name, worst);
                if (t->flags & TFX_PARAM_FIXED)
                    ck_assert_msg(!memcmp(start + t->offset, state[1] + t->offset, t->bytes), "%s was trained",
                                  t->name);
            }
            runner_close(&r);
            fixture_close(&f);
            free(text);
        }
        free(start);
        free(state[0]);
        free(state[1]);
    }
}
END_TEST

START_TEST(state_of_the_optimizer)
{
    char *text = tfx_printf("%s%s%s[arm a]\nmodel = tokenformer\n", SPEC_HEAD, SPEC_TRAIN, SPEC_TOKENFORMER);
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *s = stage_plan(&f, "a", 0);
    static const struct {
        const char *name;
        uint32_t n;
        int64_t dims[2];
        int axis;
    } expected[] = {
        {"blocks.0.ffn.key/m", 2, {12, 8}, 0},        {"blocks.0.ffn.key/m_filled", 2, {12, 1}, 0},
        {"embedding.weight/v_filled", 2, {1, 1}, -1}, {"norm.bias/v", 1, {8}, -1},
        {"norm.bias/m_filled", 1, {1}, -1},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        uint32_t at = tfx_state_find(&s->state, expected[i].name);
        ck_assert_msg(at != TFX_STATE_NONE, "%s", expected[i].name);
        const tfx_state_tensor *t = &s->state.tensors[at];
        ck_assert_msg(t->kind == TFX_STATE_OPTIMIZER && t->n_dims == expected[i].n &&
                          t->grow_axis == expected[i].axis &&
                          !memcmp(t->dims, expected[i].dims, sizeof(int64_t) * t->n_dims),
                      "%s", expected[i].name);
        ck_assert_msg(!strncmp(s->state.tensors[t->owner].name, t->name, strlen(s->state.tensors[t->owner].name)), "%s",
                      t->name);
    }
    ck_assert_uint_eq(tfx_state_find(&s->state, "blocks.0.ffn.tau/m"), TFX_STATE_NONE);
    for (uint32_t i = 0; i < s->state.n; i++) {
        ck_assert_uint_eq(s->state.tensors[i].offset % 64, 0);
        ck_assert_uint_eq(tfx_state_find(&s->state, s->state.tensors[i].name), i); /* names are unique */
    }
    tfx_stage_plan_destroy(s);
    fixture_close(&f);
    free(text);
}
END_TEST

/* ---- mistakes ---- */

static tfx_status one_state(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o;
    *out[0] = (tfx_state){sizeof(tfx_state), "m", TFX_STATE_LIKE_PARAM, TFX_F32};
    *n = 1;
    return TFX_OK;
}
static tfx_status no_states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)o, (void)out, (void)n;
    return h->fail(h, TFX_E_INVALID, "out of ideas");
}
static tfx_status nine_states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    one_state(h, o, out, n);
    *n = TFX_MAX_STATES + 1;
    return TFX_OK;
}
static tfx_status twins(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    one_state(h, o, out, n);
    one_state(h, o, out + 1, n);
    *n = 2;
    return TFX_OK;
}
static tfx_status nameless(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    one_state(h, o, out, n);
    out[0]->name = NULL;
    return TFX_OK;
}
static tfx_status wild_dtype(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    one_state(h, o, out, n);
    out[0]->dtype = TFX_I32;
    return TFX_OK;
}
static tfx_status wild_shape(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    one_state(h, o, out, n);
    out[0]->shape = (tfx_state_shape)7;
    return TFX_OK;
}
static tfx_status unknown_value(const tfx_builder *b, tfx_update *u)
{
    u->new_state[0] = b->affine(b, u->state[0], 1, 0);
    u->new_param = 4000000000u;
    return TFX_OK;
}
static tfx_status unknown_state_value(const tfx_builder *b, tfx_update *u)
{
    u->new_param = b->affine(b, u->param, 1, 0);
    u->new_state[0] = 4000000000u;
    return TFX_OK;
}
static tfx_status unknown_operand(const tfx_builder *b, tfx_update *u)
{
    u->new_param = b->add(b, u->param, 4000000000u);
    u->new_state[0] = u->state[0];
    return TFX_OK;
}
static tfx_status forgets_param(const tfx_builder *b, tfx_update *u)
{
    u->new_state[0] = b->affine(b, u->state[0], 1, 0);
    return TFX_OK;
}
static tfx_status forgets_state(const tfx_builder *b, tfx_update *u)
{
    u->new_param = b->affine(b, u->param, 1, 0);
    return TFX_OK;
}
static tfx_status wrong_shape(const tfx_builder *b, tfx_update *u)
{
    u->new_param = b->reshape(b, b->affine(b, u->param, 1, 0), 1, (int64_t[]){-1});
    u->new_state[0] = u->state[0];
    return TFX_OK;
}
static tfx_status refuses(const tfx_builder *b, tfx_update *u)
{
    (void)u;
    return b->host->fail(b->host, TFX_E_INVALID, "not today");
}
static tfx_status asks_for_a_slot(const tfx_builder *b, tfx_update *u)
{
    u->new_param = b->slot(b, "q", u->param, 8);
    u->new_state[0] = u->state[0];
    return TFX_OK;
}

static tfx_status state_called_grad(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    one_state(h, o, out, n);
    out[0]->name = "grad";
    return TFX_OK;
}
static tfx_status keeps_everything(const tfx_builder *b, tfx_update *u)
{
    u->new_param = b->affine(b, u->param, 1, 0);
    u->new_state[0] = u->state[0];
    return TFX_OK;
}

#define AT "optimizer crooked, parameter embedding.weight: "

static const struct {
    tfx_status (*states)(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n);
    tfx_status (*build)(const tfx_builder *b, tfx_update *u);
    const char *says;
} crooked[] = {
    {no_states, forgets_param, "out of ideas"},
    {one_state, forgets_param,
     AT "build_update did not set new_param, the parameter's new value, or made it of a state that `states` does not "
        "declare"},
    {one_state, forgets_state, AT "build_update did not set new_state[0], the new value of state \"m\""},
    {one_state, wrong_shape,
     AT "build_update gave a new value for new_param of another shape or dtype: expected f32 [11, 8]; found f32 [88]"},
    {one_state, refuses, AT "not today"},
    {nine_states, forgets_param,
     "optimizer crooked: bug in the plugin: `states` declares 9 states; expected at most 8"},
    {twins, forgets_param, "optimizer crooked: bug in the plugin: two states are called \"m\""},
    {nameless, forgets_param, "optimizer crooked: bug in the plugin: state 0 has no valid name"},
    {wild_dtype, forgets_param,
     "optimizer crooked: bug in the plugin: state \"m\" has dtype 3; expected f32 (1) or bf16 (2)"},
    {wild_shape, forgets_param, "optimizer crooked: bug in the plugin: state \"m\" has the unknown shape 7"},
    {one_state, unknown_value, AT "gave the parameter a value that does not exist"},
    {one_state, unknown_state_value, AT "gave state 0 a value that does not exist"},
    {one_state, unknown_operand, AT "add: 4000000000 is no value of this graph"},
    {one_state, asks_for_a_slot, AT "slot q: only layers have slots"},
};

START_TEST(mistakes_of_optimizers)
{
    char *text = tfx_printf("%s%soptimizer = adamw\n%s[arm a]\nmodel = tokenformer\n", SPEC_HEAD, SPEC_TRAIN,
                            SPEC_TOKENFORMER);
    fixture f;
    fixture_open(&f, text);
    tfx_optimizer_class cls = {
        .struct_size = sizeof(cls), .name = "crooked", .states = crooked[_i].states, .build_update = crooked[_i].build};
    tfx_train_config config = f.experiment->arms[0].train;
    config.optimizer.impl = &cls;
    config.optimizer.name = "crooked";
    tfx_stage_params p = {
        .registry = f.registry, .device = &f.device, .model = f.experiment->arms[0].model, .train = &config};
    ck_assert_ptr_null(tfx_stage_plan_create(&p, &f.err));
    ERROR_SAYS(&f.err, crooked[_i].says);
    /* Located at the key that chose it, not at the model. */
    ck_assert_msg(strstr(f.err.text, ":14: optimizer: ") != NULL, "%s", f.err.text);
    fixture_close(&f);
    free(text);
}
END_TEST

/* With micro-batches each parameter has an accumulator too, which no state can share its name with. */
START_TEST(a_state_called_grad)
{
    char *text = tfx_printf("%s%smicro_batch = 1\n%s[arm a]\nmodel = tokenformer\n", SPEC_HEAD, SPEC_TRAIN,
                            SPEC_TOKENFORMER);
    fixture f;
    fixture_open(&f, text);
    tfx_optimizer_class cls = {
        .struct_size = sizeof(cls), .name = "graded", .states = state_called_grad, .build_update = keeps_everything};
    tfx_train_config config = f.experiment->arms[0].train;
    config.optimizer.impl = &cls;
    tfx_stage_params p = {
        .registry = f.registry, .device = &f.device, .model = f.experiment->arms[0].model, .train = &config};
    tfx_stage_plan *s = tfx_stage_plan_create(&p, &f.err);
    fixture_ok(&f);
    uint32_t at = tfx_state_find(&s->state, "embedding.weight/grad");
    ck_assert(at != TFX_STATE_NONE && s->state.tensors[at].kind == TFX_STATE_OPTIMIZER);
    for (uint32_t i = 0; i < s->state.n; i++)
        ck_assert_uint_eq(tfx_state_find(&s->state, s->state.tensors[i].name), i);
    tfx_stage_plan_destroy(s);
    fixture_close(&f);
    free(text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plan/optimizer");
    TCase *c = tcase_create("optimizer");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, micro_batches_add_up);
    tcase_add_test(c, gradients_in_bf16);
    tcase_add_test(c, no_micro_batch_is_dropped);
    tcase_add_test(c, low_precision_moments);
    tcase_add_test(c, clipping);
    tcase_add_test(c, weight_decay_groups);
    tcase_add_test(c, state_of_the_optimizer);
    tcase_add_test(c, a_state_called_grad);
    tcase_add_loop_test(c, mistakes_of_optimizers, 0, (int)(sizeof(crooked) / sizeof(*crooked)));
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
