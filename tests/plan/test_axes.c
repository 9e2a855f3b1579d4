/* The axes of whole models, against what the models compute: when the elements of a class change places in every
 * member at once, the logits stay; when they do in one member alone, they do not. That is what being one dimension
 * means. Names are checked as well, and the time that a deep model takes. */
#include <time.h>

#include "framework/plan/axes.h"
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

#undef fail

typedef struct model_case {
    const char *model;    /* the section below n_blocks */
    const char *names[8]; /* some classes that it has */
} model_case;

#define TRANSFORMER "dim = 12\ncontext = 12\nblocks.mixer.heads = 3\nblocks.ffn.hidden = 12\n"
#define TOKENFORMER \
    "dim = 12\ncontext = 5\nblocks.mixer.heads = 2\nblocks.mixer.{q,k,v,o} = pattention\nblocks.ffn = pattention\n" \
    "blocks.mixer.{q,k,v,o}.slots = 12\nblocks.ffn.slots = 7\n"

static const model_case cases[] = {
    /* Everything that can be is of size 12. */
    {TRANSFORMER "embedding.positions = 12\nhead = linear\nblocks.mixer.{q,k,v,o}.bias = true\n"
                 "blocks.ffn.{up,down}.bias = true\n",
     {"residual", "vocab", "embedding.positions", "blocks.0.ffn.hidden", "blocks.1.mixer.heads",
      "blocks.1.mixer.head_dim"}},
    {TRANSFORMER "blocks.mixer.rotary = 0.5\n", {"residual", "vocab", "blocks.1.ffn.hidden", "blocks.0.mixer.heads"}},
    {"dim = 10\ncontext = 3\nblocks.mixer.heads = 2\nblocks.{norm1,norm2} = rmsnorm\n",
     {"residual", "blocks.0.ffn.hidden",
      "blocks.0.mixer.heads"}}, /* as many heads as blocks; hidden left to the layer */
    {"dim = 9\ncontext = 5\nblocks.mixer.heads = 3\nblocks.ffn.activation = relu\nblocks.1.ffn.hidden = 5\n",
     {"blocks.0.ffn.hidden", "blocks.1.ffn.hidden", "blocks.0.mixer.heads", "blocks.0.mixer.head_dim"}},
    {TOKENFORMER "blocks.{norm1,norm2} = layernorm_nonparam\n",
     {"residual", "vocab", "blocks.0.mixer.q.slots", "blocks.0.mixer.o.slots", "blocks.1.ffn.slots",
      "blocks.1.mixer.heads", "blocks.1.mixer.head_dim"}},
    {TOKENFORMER "blocks.mixer.{q,k,v,o}.score = softmax\nblocks.ffn.score = gelu_l2_norm\nblocks.mixer.rotary = 1\n",
     {"residual", "vocab", "blocks.0.mixer.q.slots"}},
    {"dim = 12\ncontext = 5\nblocks.mixer.heads = 1\nblocks.ffn = block_prenorm\nblocks.ffn.mixer = linear\n"
     "blocks.ffn.ffn.hidden = 4\n",
     {"residual", "vocab", "blocks.0.ffn.ffn.hidden", "blocks.0.mixer.head_dim", "blocks.1.mixer.head_dim"}},
    {"dim = 12\ncontext = 5\nblocks = mlp\nblocks.up = pattention\nblocks.up.slots = 3\nhead = pattention\n"
     "head.slots = 4\n",
     {"blocks.0.up.slots", "blocks.0.hidden", "head.slots", "vocab"}},
};
#define N_CASES ((int)(sizeof(cases) / sizeof(*cases)))

static char *spec_of(const model_case *c, int n_blocks)
{
    return tfx_printf("%s%s[model m]\nn_blocks = %d\nvocab = %d\n%s[arm a]\nmodel = m\n", SPEC_HEAD, SPEC_TRAIN,
                      n_blocks, VOCAB, c->model);
}

/* ---- changing places ---- */

static void redraw(stage_runner *r)
{
    for (uint32_t i = 0; i < r->plan->state.n; i++) {
        const tfx_state_tensor *t = &r->plan->state.tensors[i];
        if (t->kind != TFX_STATE_PARAM || t->flags & TFX_PARAM_FIXED)
            continue;
        float *data = tfx_alloc(t->bytes);
        tfx_random_normal(5, tfx_random_stream(t->name), 0, t->elements, t->init.mean, 0.4, data);
        runner_write(r, t, data);
        free(data);
    }
}

/* The elements of one factor of one axis, in place: new element i is the old one order[i]. */
static void change_places(stage_runner *r, const tfx_axes *a, const tfx_axis_member *m, const int64_t *order)
{
    const tfx_param_axes *p = &a->params[m->param];
    const tfx_state_tensor *t = &r->plan->state.tensors[p->state];
    int64_t size = a->classes[m->cls].size, inner = 1;
    for (uint32_t i = m->axis + 1; i < t->n_dims; i++)
        inner *= t->dims[i];
    for (uint32_t k = p->first[m->axis] + m->factor + 1; k < p->first[m->axis + 1]; k++)
        inner *= a->classes[a->members[k].cls].size;
    float *from = runner_read(r, t), *to = tfx_alloc(t->bytes);
    for (int64_t e = 0; e < (int64_t)t->elements; e++) {
        int64_t at = e / inner % size;
        to[e] = from[e + (order[at] - at) * inner];
    }
    runner_write(r, t, to);
    free(from);
    free(to);
}

static double largest_change(stage_runner *r, const float *before, uint64_t n)
{
    double loss, most = 0;
    float *after = runner_logits(r, &loss);
    for (uint64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)after[i] - (double)before[i]));
    free(after);
    return most;
}

static void check_class(stage_runner *r, const tfx_axes *a, const tfx_axis_class *c, const float *logits, uint64_t n)
{
    int64_t *order = TFX_NEW_ARRAY(int64_t, c->size);
    char *state = runner_state(r);
    for (int64_t i = 0; i < c->size; i++)
        order[i] = (i + 1) % c->size; /* no element stays */
    for (uint32_t i = 0; i < c->n_members; i++)
        change_places(r, a, c->members[i], order);
    double all = largest_change(r, logits, n), largest = 1;
    for (uint64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)logits[i]));
    ck_assert_msg(all < 1e-5 * largest, "%s: %g", c->name, all); /* sums in another order */
    r->device->cls->upload(r->device->backend, r->state, 0, state, r->plan->state.bytes);
    change_places(r, a, c->members[0], order);
    double one = largest_change(r, logits, n);
    ck_assert_msg(one > 1e-3, "%s, one member alone: %g", c->name, one);
    r->device->cls->upload(r->device->backend, r->state, 0, state, r->plan->state.bytes);
    free(state);
    free(order);
}

START_TEST(order_of_elements)
{
    char *text = spec_of(&cases[_i], 2);
    fixture f;
    fixture_open(&f, text);
    stage_runner r;
    runner_open(&r, &f.device, stage_plan(&f, "a", 0), 3);
    redraw(&r);
    runner_batch(&r, 0);
    tfx_axes *a = tfx_stage_axes_create(r.plan, f.registry, &f.err);
    fixture_ok(&f);
    double loss;
    float *logits = runner_logits(&r, &loss);
    uint64_t n = (uint64_t)(r.plan->micro_batch * r.plan->context * VOCAB);
    int checked = 0;
    for (uint32_t i = 0; i < a->n_classes; i++) {
        const tfx_axis_class *c = &a->classes[i];
        if (c->rigid || c->marks & (TFX_AXIS_ROTATED | TFX_AXIS_INDEXED))
            continue;
        check_class(&r, a, c, logits, n);
        checked++;
    }
    ck_assert_int_ge(checked, 4);
    free(logits);
    tfx_axes_destroy(a);
    runner_close(&r);
    fixture_close(&f);
    free(text);
}
END_TEST

/* ---- names, and what every model's axes are like ---- */

static const tfx_axis_class *named(const tfx_axes *a, const char *name)
{
    const tfx_axis_class *found = NULL;
    for (uint32_t i = 0; i < a->n_classes; i++)
        if (!strcmp(a->classes[i].name, name)) {
            ck_assert_msg(!found, "%s twice", name);
            found = &a->classes[i];
        }
    return found;
}

START_TEST(names)
{
    char *text = spec_of(&cases[_i], 2);
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *s = stage_plan(&f, "a", 0);
    tfx_axes *a = tfx_stage_axes_create(s, f.registry, &f.err);
    fixture_ok(&f);
    for (size_t i = 0; cases[_i].names[i]; i++)
        ck_assert_msg(named(a, cases[_i].names[i]) != NULL, "no class %s", cases[_i].names[i]);
    for (uint32_t i = 0; i < a->n_classes; i++)
        ck_assert_ptr_eq(named(a, a->classes[i].name), &a->classes[i]);
    /* Factors make up the axes, and every parameter of the model is there. */
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->state.n; i++) {
        const tfx_state_tensor *t = &s->state.tensors[i];
        if (t->kind != TFX_STATE_PARAM)
            continue;
        const tfx_param_axes *p = tfx_axes_of_param(a, i);
        ck_assert_ptr_nonnull(p);
        n++;
        for (uint32_t d = 0; d < t->n_dims; d++) {
            int64_t size = 1;
            for (uint32_t k = p->first[d]; k < p->first[d + 1]; k++) {
                size *= a->classes[a->members[k].cls].size;
                ck_assert_uint_ne(a->members[k].roles, 0);
            }
            ck_assert_int_eq(size, t->dims[d]);
        }
    }
    ck_assert_uint_eq(a->n_params, n);
    tfx_axes_destroy(a);
    tfx_stage_plan_destroy(s);
    fixture_close(&f);
    free(text);
}
END_TEST

/* Twice as deep takes about twice as long. */
START_TEST(deep_model)
{
    char *text = spec_of(&cases[1], 512);
    fixture f;
    fixture_open(&f, text);
    const tfx_arm *arm = &f.experiment->arms[0];
    tfx_stage_params p = {
        .registry = f.registry, .device = &f.device, .model = arm->model, .train = &arm->train, .eval_only = 1};
    tfx_stage_plan *s = tfx_stage_plan_create(&p, &f.err);
    fixture_ok(&f);
    clock_t start = clock();
    tfx_axes *a = tfx_stage_axes_create(s, f.registry, &f.err);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    fixture_ok(&f);
    ck_assert_msg(seconds < 2, "%g s", seconds); /* 0.03 s; sanitizers and other programs are slow */
    ck_assert_uint_eq(a->n_classes, 2 + 3 * 512);
    ck_assert_ptr_nonnull(named(a, "blocks.511.ffn.hidden"));
    tfx_axes_destroy(a);
    tfx_stage_plan_destroy(s);
    fixture_close(&f);
    free(text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("axes of models");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, order_of_elements, 0, N_CASES);
    tcase_add_loop_test(c, names, 0, N_CASES);
    tcase_add_test(c, deep_model);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
