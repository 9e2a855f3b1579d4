/* Growth events: a trained model's checkpoint becomes the parameters of a larger model that
 * computes the same. */
#include <cjson/cJSON.h>

#include "tests/check_main.h"
#include "tests/train/grow_fixture.h"

static double largest_change(grown *g)
{
    float *after = logits(g, g->new);
    double worst = 0;
    for (int i = 0; i < 24 * VOCAB; i++)
        worst = fmax(worst, fabs((double)after[i] - (double)g->logits_before[i]));
    free(after);
    return worst;
}

/* ---- the function is preserved ---- */

START_TEST(zero_keys_preserve_the_function)
{
    static const char *const scores[] = {"l2_norm_gelu", "gelu_l2_norm"};
    for (int k = 0; k < 2; k++) {
        grown g;
        char *model = tfx_printf("blocks.mixer.{q,k,v,o}.score = %s\nblocks.ffn.score = %s\n", scores[k], scores[k]);
        grow_model(&g, model, "", "");
        free(model);
        double change = largest_change(&g);
        ck_assert_msg(change <= 1e-6, "%s: logits change by %g", scores[k], change);
        finish(&g);
    }
}
END_TEST

/* Each old row keeps its place; new keys are zero, new values the layer's own random ones. */
START_TEST(what_new_slots_hold)
{
    grown g;
    grow(&g, "", "");
    const tfx_state_layout *to = &g.plan->stages[1]->state;
    int keys = 0;
    double squares = 0, n = 0;
    for (uint32_t i = 0; i < to->n; i++) {
        const tfx_state_tensor *t = &to->tensors[i];
        if (t->kind != TFX_STATE_PARAM)
            continue;
        const tfx_state_tensor *o = tensor(g.plan->stages[0], t->name);
        float *old = read_f32(g.old, o), *new = read_f32(g.new, t);
        ck_assert_msg(!memcmp(old, new, o->bytes), "%s: old slots have changed", t->name);
        int is_key = strstr(t->name, ".key") != NULL;
        for (uint64_t e = o->elements; e < t->elements; e++) {
            ck_assert_msg((new[e] == 0) == is_key, "%s: new slots hold %g", t->name, (double)new[e]);
            squares += (double)new[e] * (double)new[e];
            n += !is_key;
        }
        keys += is_key && t->elements > o->elements;
        free(old);
        free(new);
    }
    ck_assert_int_eq(keys, 10);
    double std = 2 / (2 * sqrt(8.0)); /* 2 / (n_blocks sqrt(dim)) */
    ck_assert_double_eq_tol(sqrt(squares / n) / std, 1, 0.15);

    cJSON *changes = cJSON_Parse(g.changes.s);
    ck_assert_msg(changes && cJSON_GetArraySize(changes) == 20, "%s", g.changes.s);
    for (int i = 0; i < 20; i++) {
        const cJSON *c = cJSON_GetArrayItem(changes, i);
        int is_key = strstr(cJSON_GetObjectItem(c, "path")->valuestring, ".key") != NULL;
        ck_assert_str_eq(cJSON_GetObjectItem(c, "rule")->valuestring, is_key ? "zero" : "nonzero");
    }
    cJSON_Delete(changes);
    finish(&g);
}
END_TEST

START_TEST(new_slots_learn)
{
    grown g;
    grow(&g, "", "");
    const tfx_state_tensor *key = tensor(g.plan->stages[1], "blocks.0.ffn.key");
    const tfx_state_tensor *value = tensor(g.plan->stages[1], "blocks.0.ffn.value");
    float *before = read_f32(g.new, value);
    step(&g, g.new, STEPS);
    float *k = read_f32(g.new, key), *v = read_f32(g.new, value);
    for (uint64_t slot = 12; slot < 20; slot++) {
        double moved = 0;
        for (uint64_t e = slot * 8; e < slot * 8 + 8; e++)
            moved += fabs((double)k[e]);
        ck_assert_msg(moved > 0, "the key of slot %d got no gradient", (int)slot);
    }
    /* The scores of new slots were zero, so their values only decayed; from the next step on
     * they learn as well. */
    for (uint64_t e = 12 * 8; e < 160; e++)
        ck_assert_msg(fabs((double)v[e] - (double)before[e] * (1 - LR * 0.1)) < 1e-6, "value %d moved", (int)e);
    step(&g, g.new, STEPS + 1);
    float *later = read_f32(g.new, value);
    int moved = 0;
    for (uint64_t e = 12 * 8; e < 160; e++)
        moved += fabs((double)later[e] - (double)v[e] * (1 - LR * 0.1)) > 1e-6;
    ck_assert_int_gt(moved, 40);
    free(before);
    free(k);
    free(v);
    free(later);
    finish(&g);
}
END_TEST

START_TEST(tau_is_kept_or_rescaled)
{
    static const char *const ways[] = {"operator.tau = keep\n", "operator.tau = rescale\n"};
    for (int k = 0; k < 2; k++) {
        grown g;
        grow(&g, ways[k], "");
        float *tau = read_f32(g.new, tensor(g.plan->stages[1], "blocks.1.ffn.tau"));
        ck_assert_double_eq_tol((double)*tau, k ? sqrt(20.0) : sqrt(12.0), 1e-6);
        double change = largest_change(&g);
        ck_assert_msg(k ? change > 1e-4 : change < 1e-6, "logits change by %g", change);
        free(tau);
        finish(&g);
    }
}
END_TEST

START_TEST(random_keys_change_the_function)
{
    grown g;
    grow(&g, "operator.keys = normal\n", "");
    double change = largest_change(&g);
    ck_assert_msg(change > 1e-4, "logits change by %g", change);
    finish(&g);
}
END_TEST

/* Every event and every parameter draws its own numbers, the same for the same seed. */
START_TEST(new_values_are_random)
{
    grown g;
    grow(&g, "", "");
    save(&g, g.new, g.plan->stages[1]);
    tfx_engine *large = tfx_engine_create(&g.f.device, g.plan->stages[2], &g.f.err);
    tfx_engine *again = tfx_engine_create(&g.f.device, g.plan->stages[2], &g.f.err);
    char *path = tfx_printf("%s/stage1", g.folder);
    tfx_text changes[3] = {{0}};
    tfx_grow_from_checkpoint(g.plan, 2, path, 1, large, &changes[0], &g.f.err);
    tfx_grow_from_checkpoint(g.plan, 2, path, 1, again, &changes[1], &g.f.err);
    const tfx_state_tensor *t = tensor(g.plan->stages[2], "blocks.0.ffn.value");
    float *a = read_f32(large, t), *b = read_f32(again, t),
          *c = read_f32(large, tensor(g.plan->stages[2], "blocks.1.ffn.value"));
    tfx_grow_from_checkpoint(g.plan, 2, path, 2, again, &changes[2], &g.f.err);
    fixture_ok(&g.f);
    float *other_seed = read_f32(again, t);
    ck_assert(!memcmp(a, b, t->bytes));
    ck_assert(memcmp(a + 160, other_seed + 160, t->bytes - 640));
    ck_assert(!memcmp(a, other_seed, 640));
    for (uint64_t slot = 12; slot < 31; slot++) /* 12 to 19 from the first event, the rest from the second */
        for (uint64_t o = slot + 1; o < 31; o++)
            ck_assert_msg(memcmp(a + slot * 8, a + o * 8, 32), "slots %d and %d are equal", (int)slot, (int)o);
    ck_assert(memcmp(a + 160, c + 160, 32));
    for (int i = 0; i < 3; i++)
        tfx_text_free(&changes[i]);
    free(a);
    free(b);
    free(c);
    free(other_seed);
    free(path);
    tfx_engine_destroy(large);
    tfx_engine_destroy(again);
    finish(&g);
}
END_TEST

/* ---- checkpoints that are not what the plan says ---- */

START_TEST(unfit_checkpoints)
{
    grown g;
    grow(&g, "", "");
    tfx_text changes = {0};
    char *missing = tfx_printf("%s/nothing", g.folder), *stage0 = tfx_printf("%s/stage0", g.folder);
    ck_assert_int_ne(tfx_grow_from_checkpoint(g.plan, 1, missing, 1, g.new, &changes, &g.f.err), TFX_OK);
    ERROR_SAYS(&g.f.err, "nothing/model.safetensors");
    g.f.err = (tfx_error){0};
    /* The small model where the middle one is expected. */
    ck_assert_int_eq(tfx_grow_from_checkpoint(g.plan, 2, stage0, 1, g.new, &changes, &g.f.err), TFX_E_DATA);
    ERROR_SAYS(&g.f.err, "stage0/model.safetensors", "blocks.0.mixer.q.key", "another size than planned");
    g.f.err = (tfx_error){0};
    char *optimizer = tfx_printf("%s/optimizer.safetensors", stage0);
    unlink(optimizer);
    ck_assert_int_ne(tfx_grow_from_checkpoint(g.plan, 1, stage0, 1, g.new, &changes, &g.f.err), TFX_OK);
    ERROR_SAYS(&g.f.err, "stage0/optimizer.safetensors");
    free(optimizer);
    free(missing);
    free(stage0);
    tfx_text_free(&changes);
    finish(&g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/grow");
    TCase *c = tcase_create("grow");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, zero_keys_preserve_the_function);
    tcase_add_test(c, what_new_slots_hold);
    tcase_add_test(c, new_slots_learn);
    tcase_add_test(c, tau_is_kept_or_rescaled);
    tcase_add_test(c, random_keys_change_the_function);
    tcase_add_test(c, new_values_are_random);
    tcase_add_test(c, unfit_checkpoints);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
