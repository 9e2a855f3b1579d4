/* Every built-in layer within a small model: the gradient of every parameter against finite
 * differences of the loss.
 *
 * With batch = 2 micro_batch, one pass leaves half the gradient in the accumulators and
 * changes nothing else. The loss is computed here, in double precision, from the f32 logits
 * of the evaluation program. Parameters are redrawn large, so that every part of the model
 * matters. Small tensors are checked element by element, large ones along random directions,
 * each of which involves every element.
 *
 * The step is where the two errors meet: at 1/32 the fifth derivative leaves 1.5e-2 of the
 * largest case (falling with h^4), and at 1/256 the rounding of the logits 4e-3 of the
 * smallest gradients (growing with 1/h); at 1/64 both are 1e-3. Gradients below 0.05 are
 * compared on that scale, since the rounding does not shrink with them. */
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

#define STEP 0x1p-6
#define TOLERANCE 3e-3
enum { WHOLE = 24, DIRECTIONS = 4 };

typedef struct layer_case {
    const char *name;
    const char *layer; /* that the model must contain */
    const char *model; /* the section below dim, context and vocab */
} layer_case;

#define ATTENTION "blocks.mixer = attention\nblocks.mixer.heads = 2\n"
#define PATTENTION \
    "blocks.mixer.{q,k,v,o} = pattention\nblocks.mixer.{q,k,v,o}.slots = 5\n" \
    "blocks.ffn = pattention\nblocks.ffn.slots = 7\n"

static const layer_case cases[] = {
    {"transformer", "linear", ATTENTION},
    {"biases", "linear",
     ATTENTION "blocks.mixer.{q,k,v,o}.bias = true\nblocks.ffn.{up,down}.bias = true\n"
               "blocks.mixer.o.residual_init = true\n"},
    {"rotary", "attention", ATTENTION "blocks.mixer.rotary = 1\n"},
    {"partial rotary", "attention", ATTENTION "blocks.mixer.rotary = 0.5\nblocks.mixer.rotary_base = 100\n"},
    {"positions", "embedding", ATTENTION "embedding.positions = 9\nembedding.logit_scale = 0.5\n"},
    {"a head of its own", "linear", ATTENTION "head = linear\nhead.bias = true\n"},
    {"gelu_tanh", "mlp", ATTENTION "blocks.ffn.activation = gelu_tanh\nblocks.ffn.hidden = 6\n"},
    {"silu", "mlp", ATTENTION "blocks.ffn.activation = silu\n"},
    {"relu", "mlp", ATTENTION "blocks.ffn.activation = relu\nblocks.ffn.hidden = 5\n"},
    {"layernorm without bias", "layernorm", ATTENTION "blocks.{norm1,norm2}.bias = false\nnorm.eps = 0.1\n"},
    {"rmsnorm", "rmsnorm", ATTENTION "blocks.{norm1,norm2} = rmsnorm\nnorm = rmsnorm\n"},
    {"layernorm_nonparam", "layernorm_nonparam",
     ATTENTION "blocks.{norm1,norm2} = layernorm_nonparam\n"
               "norm = layernorm_nonparam\n"},
    {"tokenformer", "pattention", ATTENTION PATTENTION},
    {"tokenformer, gelu_tanh", "pattention",
     ATTENTION PATTENTION "blocks.mixer.{q,k,v,o}.gelu = tanh\n"
                          "blocks.ffn.gelu = tanh\n"},
    {"gelu_l2_norm", "pattention",
     ATTENTION PATTENTION "blocks.mixer.{q,k,v,o}.score = gelu_l2_norm\n"
                          "blocks.ffn.score = gelu_l2_norm\n"},
    {"gelu_l2_norm, gelu_tanh", "pattention",
     ATTENTION PATTENTION "blocks.ffn.score = gelu_l2_norm\n"
                          "blocks.ffn.gelu = tanh\nblocks.ffn.eps = 0.1\n"},
    {"softmax", "pattention",
     ATTENTION PATTENTION "blocks.mixer.{q,k,v,o}.score = softmax\n"
                          "blocks.ffn.score = softmax\nblocks.ffn.tau = 2\n"},
    {"layers in each other's places", "pattention",
     ATTENTION "blocks.ffn.up = pattention\nblocks.ffn.up.slots = 4\nblocks.1.mixer = linear\n"
               "head = pattention\nhead.slots = 9\n"},
    {"a block in a block", "block_prenorm",
     ATTENTION "blocks.ffn = block_prenorm\nblocks.ffn.mixer = linear\nblocks.ffn.ffn.hidden = 4\n"},
};
#define N_CASES ((int)(sizeof(cases) / sizeof(*cases)))

static void has_layer(void *ctx, const tfx_layer_class *cls)
{
    const char **wanted = ctx;
    if (*wanted && !strcmp(cls->name, *wanted))
        *wanted = NULL;
}

/* Loss with `data` moved by h along `direction`. */
static double moved(stage_runner *r, const tfx_state_tensor *t, const float *data, const double *direction, double h)
{
    float *there = tfx_alloc(t->bytes);
    for (uint64_t i = 0; i < t->elements; i++)
        there[i] = (float)((double)data[i] + h * direction[i]);
    runner_write(r, t, there);
    double loss = runner_loss(r);
    runner_write(r, t, data);
    free(there);
    return loss;
}

static double slope(stage_runner *r, const tfx_state_tensor *t, const float *data, const double *direction)
{
    double wide = (moved(r, t, data, direction, STEP) - moved(r, t, data, direction, -STEP)) / (2 * STEP);
    double narrow = (moved(r, t, data, direction, STEP / 2) - moved(r, t, data, direction, -STEP / 2)) / STEP;
    return (4 * narrow - wide) / 3;
}

/* Multiples of 1/1024 around the layer's own initialisation, in which a weight of 1 or a tau
 * of sqrt(slots) stays one. */
static void redraw(stage_runner *r)
{
    for (uint32_t i = 0; i < r->plan->state.n; i++) {
        const tfx_state_tensor *t = &r->plan->state.tensors[i];
        if (t->kind != TFX_STATE_PARAM || t->flags & TFX_PARAM_FIXED)
            continue;
        float *data = tfx_alloc(t->bytes);
        tfx_random_normal(5, tfx_random_stream(t->name), 0, t->elements, t->init.mean, 0.6, data);
        for (uint64_t k = 0; k < t->elements; k++)
            data[k] = roundf(data[k] * 1024) / 1024;
        runner_write(r, t, data);
        free(data);
    }
}

START_TEST(gradients)
{
    const layer_case *c = &cases[_i];
    char *text = tfx_printf("%s%s[model m]\nn_blocks = 2\ndim = 8\ncontext = 5\nvocab = %d\n%s[arm a]\n"
                            "model = m\n",
                            SPEC_HEAD, "[train]\nsteps = 1\nbatch = 4\nmicro_batch = 2\n", VOCAB, c->model);
    fixture f;
    stage_runner r;
    fixture_open(&f, text);
    runner_open(&r, &f.device, stage_plan(&f, "a", 0), 1);
    const char *wanted = c->layer;
    tfx_model_visit(r.plan->model, has_layer, &wanted);
    ck_assert_msg(!wanted, "%s: there is no %s in the model", c->name, c->layer);
    redraw(&r);
    runner_batch(&r, 0);
    float loss;
    runner_execute(&r, TFX_PROGRAM_ACCUMULATE);
    runner_output(&r, r.plan->programs[TFX_PROGRAM_ACCUMULATE].loss, &loss, 1);
    ck_assert_double_eq_tol((double)loss, runner_loss(&r), 1e-5);
    int checked = 0;
    double whole = 0;
    for (uint32_t i = 0; i < r.plan->state.n; i++) {
        const tfx_state_tensor *t = &r.plan->state.tensors[i];
        if (t->kind != TFX_STATE_SCRATCH)
            continue;
        const tfx_state_tensor *p = &r.plan->state.tensors[t->owner];
        float *grad = runner_read(&r, t), *data = runner_read(&r, p);
        uint64_t n = t->elements <= WHOLE ? t->elements : DIRECTIONS;
        double *direction = TFX_NEW_ARRAY(double, t->elements), *found = TFX_NEW_ARRAY(double, n),
               *expected = TFX_NEW_ARRAY(double, n);
        dice d = {.seed = i};
        for (uint64_t k = 0; k < n; k++) {
            double length = n == t->elements ? 1 : sqrt((double)t->elements);
            for (uint64_t e = 0; e < t->elements; e++) {
                direction[e] = n == t->elements ? e == k : (dice_below(&d, 2) ? 1 : -1) / length;
                found[k] += 2 * (double)grad[e] * direction[e]; /* half of it is there */
            }
            expected[k] = slope(&r, p, data, direction);
        }
        /* A gradient that is zero by symmetry (softmax does not see a bias of all keys) is
         * compared with what the others are like. */
        double off = distance(found, expected, n), size = norm_of(expected, n);
        off *= size / fmax(size, 0.05);
        if (getenv("TFX_TEST_VERBOSE"))
            printf("%-30s %-28s %.1e of %.1e\n", c->name, p->name, off, size);
        ck_assert_msg(off <= TOLERANCE, "%s: the gradient of %s is off by %g of %g", c->name, p->name, off, size);
        whole += size;
        checked++;
        free(grad);
        free(data);
        free(direction);
        free(found);
        free(expected);
    }
    ck_assert_int_ge(checked, 5);
    ck_assert_msg(whole > 0.5, "%s: gradients of %g say nothing", c->name, whole);
    runner_close(&r);
    fixture_close(&f);
    free(text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("model/layers");
    TCase *c = tcase_create("gradients");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, gradients, 0, N_CASES);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
