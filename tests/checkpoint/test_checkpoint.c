/* Checkpoints: what was saved comes back, and a folder in which anything was changed, or comes from another
 * checkpoint of the same run, is refused. */
#include "framework/checkpoint/checkpoint.h"

#include <unistd.h>

#include "framework/base/hash.h"
#include "framework/base/memory.h"
#include "tests/check_main.h"
#include "tests/checkpoint/temp_dir.h"

enum { N = 6 };

/* A parameter and its moment, as they would be on a device. */
static float device[2][N];
static tfx_state_tensor tensors[2] = {
    {.name = "w",
     .kind = TFX_STATE_PARAM,
     .dtype = TFX_F32,
     .n_dims = 1,
     .dims = {N},
     .elements = N,
     .bytes = sizeof(device[0])},
    {.name = "w/m",
     .kind = TFX_STATE_OPTIMIZER,
     .dtype = TFX_F32,
     .n_dims = 1,
     .dims = {N},
     .elements = N,
     .bytes = sizeof(device[0])},
};
static tfx_state_layout layout = {.tensors = tensors, .n = 2};

static void io_read(void *ctx, const tfx_state_tensor *t, uint64_t first, void *dst, size_t n)
{
    (void)ctx;
    memcpy(dst, (char *)device[t - tensors] + first, n);
}

static void io_write(void *ctx, const tfx_state_tensor *t, uint64_t first, const void *src, size_t n)
{
    (void)ctx;
    memcpy((char *)device[t - tensors] + first, src, n);
}

static const tfx_state_io io = {NULL, io_read, io_write};

static const char *policy; /* what one remembers */

/* The same weights each time, so that only the rest tells two checkpoints apart. */
static tfx_checkpoint_written save(const char *name, int64_t step)
{
    tfx_error err = {0};
    tfx_checkpoint_written files;
    tfx_checkpoint_record record = {.at = {.stage = 1,
                                           .stage_step = 2,
                                           .step = step,
                                           .tokens = 1LL << 60,
                                           .val_step = -1,
                                           .flops = 0.1,
                                           .position = {.batch_index = UINT64_MAX, .extra = {1, 2, 3, 4}}},
                                    .policy = (char *)policy};
    for (int i = 0; i < N; i++) {
        device[0][i] = (float)i;
        device[1][i] = (float)(step + i);
    }
    tfx_checkpoint_write(temp_path(name), "m", &layout, &io, &record, 0, &files, &err);
    ck_assert_msg(err.status == TFX_OK, "%s", err.text);
    return files;
}

static tfx_status load(const char *name, const char *json_hash, int params_only, tfx_error *err)
{
    *err = (tfx_error){0};
    memset(device, 0, sizeof(device));
    return tfx_checkpoint_load(temp_path(name), json_hash, &layout, &io, params_only, err);
}

static void refuse(const char *name, const char *json_hash, const char *file, const char *why)
{
    tfx_error err;
    ck_assert_msg(load(name, json_hash, 0, &err) != TFX_OK, "%s: was loaded", why);
    ck_assert_contains(err.text, file);
    ck_assert_contains(err.text, why);
    for (int i = 0; i < N; i++)
        ck_assert_msg(device[0][i] == 0 && device[1][i] == 0, "%s: something was loaded", why);
}

static void copy(const char *from, const char *to)
{
    size_t n;
    unsigned char *data = temp_read(temp_path(from), &n);
    temp_file(to, data, n);
    free(data);
}

/* Replaces text by text of the same length. */
static void change(const char *name, const char *old, const char *new)
{
    size_t n;
    unsigned char *data = temp_read(temp_path(name), &n);
    char *at = strstr((char *)data, old);
    ck_assert_msg(at != NULL, "%s in %s", old, (char *)data);
    memcpy(at, new, strlen(new));
    temp_file(name, data, n);
    free(data);
}

START_TEST(what_a_policy_remembers_comes_back)
{
    tfx_error err = {0};
    policy = "3 \"0x1.8p+1\"\n";
    tfx_checkpoint_written files = save("p", 8);
    tfx_checkpoint_record r;
    ck_assert_int_eq(tfx_checkpoint_record_read(temp_path("p"), files.json_hash, &r, &err), TFX_OK);
    ck_assert_str_eq(r.policy, policy);
    tfx_checkpoint_record_finish(&r);
    policy = NULL;
}
END_TEST

START_TEST(what_was_saved_comes_back)
{
    tfx_error err = {0};
    tfx_checkpoint_written files = save("a", 8);
    tfx_checkpoint_record r;
    char hash[33];
    ck_assert_int_eq(load("a", files.json_hash, 0, &err), TFX_OK);
    ck_assert(device[0][5] == 5 && device[1][5] == 13);
    ck_assert_int_eq(tfx_checkpoint_record_read(temp_path("a"), files.json_hash, &r, &err), TFX_OK);
    ck_assert_ptr_null(r.policy);
    ck_assert_int_eq(r.at.stage, 1);
    ck_assert_int_eq(r.at.step, 8);
    ck_assert_int_eq(r.at.tokens, 1LL << 60);
    ck_assert_int_eq(r.at.val_step, -1);
    ck_assert(r.at.flops == 0.1 && r.at.position.batch_index == UINT64_MAX && r.at.position.extra[3] == 4);
    ck_assert_int_eq(tfx_file_hash(temp_path("a/model.safetensors"), hash, &err), TFX_OK);
    ck_assert_str_eq(hash, files.hash);
    ck_assert_int_eq(tfx_file_hash(temp_path("a/checkpoint.json"), hash, &err), TFX_OK);
    ck_assert_str_eq(hash, files.json_hash);
    /* The optimizer's file may be dropped when nobody needs it. */
    unlink(temp_path("a/optimizer.safetensors"));
    ck_assert_int_eq(load("a", files.json_hash, 1, &err), TFX_OK);
    refuse("a", files.json_hash, "optimizer.safetensors", "No such file");
}
END_TEST

START_TEST(changed_files)
{
    tfx_checkpoint_written files = save("a", 8);
    static const char *const names[] = {"a/model.safetensors", "a/optimizer.safetensors", "a/checkpoint.json"};
    for (int i = 0; i < 3; i++) {
        size_t n;
        unsigned char *data = temp_read(temp_path(names[i]), &n);
        data[n - 1] ^= 1; /* the last byte, as a disk might */
        temp_file(names[i], data, n);
        refuse("a", files.json_hash, names[i], "the file was changed");
        data[n - 1] ^= 1;
        temp_file(names[i], data, n);
        free(data);
    }
    change("a/checkpoint.json", "\"18446744073709551615\"", "\"18446744073709551614\""); /* batch_index */
    refuse("a", files.json_hash, "a/checkpoint.json", "the file was changed");
}
END_TEST

/* Pipes that nobody writes to are not waited for. */
START_TEST(pipes)
{
    tfx_checkpoint_written files = save("a", 8);
    static const char *const names[] = {"a/optimizer.safetensors", "a/model.safetensors", "a/checkpoint.json"};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(unlink(temp_path(names[i])) | mkfifo(temp_path(names[i]), 0600), 0);
        refuse("a", files.json_hash, names[i], "the file was changed");
    }
}
END_TEST

START_TEST(files_of_another_checkpoint)
{
    tfx_checkpoint_written files = save("a", 8);
    save("b", 4);
    copy("b/optimizer.safetensors", "a/optimizer.safetensors");
    refuse("a", files.json_hash, "a/optimizer.safetensors", "belongs to another checkpoint");
    copy("b/checkpoint.json", "a/checkpoint.json"); /* now they agree with each other */
    refuse("a", files.json_hash, "a/checkpoint.json", "belongs to another checkpoint");
    copy("b/model.safetensors", "a/model.safetensors");
    refuse("a", files.json_hash, "a/checkpoint.json", "belongs to another checkpoint");
}
END_TEST

/* The hash of checkpoint.json as it is: what its content is taken for then. */
static const char *hash_of_json(void)
{
    static char hash[33];
    tfx_error err = {0};
    ck_assert_int_eq(tfx_file_hash(temp_path("a/checkpoint.json"), hash, &err), TFX_OK);
    return hash;
}

START_TEST(formats)
{
    tfx_error err;
    save("a", 8);
    change("a/checkpoint.json", "\"format\":\t2", "\"format\":\t3");
    refuse("a", hash_of_json(), "a/checkpoint.json", "format 3 is of a newer tfx; this one reads format 2");
    change("a/checkpoint.json", "\"format\":\t3", "\"farmot\":\t2");
    refuse("a", hash_of_json(), "a/checkpoint.json", "not the record of a checkpoint");

    /* Of format 1: the weights can be used, a run does not go on from it. */
    save("a", 8);
    refuse("a", "", "a", "format 1 (tfx 0.1.0)");
    ck_assert_int_eq(rename(temp_path("a/checkpoint.json"), temp_path("a/progress.json")), 0);
    refuse("a", NULL, "a", "format 1 (tfx 0.1.0)");
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_checkpoint_check_weights(temp_path("a"), &err), TFX_OK);
}
END_TEST

START_TEST(weights_of_a_folder)
{
    tfx_error err = {0};
    save("a", 8);
    ck_assert_int_eq(tfx_checkpoint_check_weights(temp_path("a"), &err), TFX_OK);
    size_t n;
    unsigned char *data = temp_read(temp_path("a/model.safetensors"), &n);
    data[n - 1] ^= 1;
    temp_file("a/model.safetensors", data, n);
    free(data);
    ck_assert_int_eq(tfx_checkpoint_check_weights(temp_path("a"), &err), TFX_E_DATA);
    ck_assert_contains(err.text, "a/model.safetensors");
}
END_TEST

/* Read as a whole, whatever its size, up to what cannot be ours. */
START_TEST(sizes_of_the_record)
{
    static const size_t sizes[] = {20000, 1 << 20, (1 << 20) + 1};
    for (int i = 0; i < 3; i++) {
        tfx_error err;
        save("a", 8);
        size_t n;
        unsigned char *data = temp_read(temp_path("a/checkpoint.json"), &n);
        char *padded = tfx_alloc(sizes[i]);
        memset(padded, ' ', sizes[i]);
        memcpy(padded + sizes[i] - n, data, n);
        temp_file("a/checkpoint.json", padded, sizes[i]);
        if (i < 2)
            ck_assert_msg(load("a", hash_of_json(), 0, &err) == TFX_OK, "%s", err.text);
        else
            refuse("a", hash_of_json(), "a/checkpoint.json", "expected at most 1048576 bytes");
        free(padded);
        free(data);
    }
}
END_TEST

START_TEST(odd_records)
{
    static const char *const changes[][2] = {
        {"\"step\":\t\"8\"", "\"step\":\t\"x\""},           {"\"step\":\t\"8\"", "\"step\":\t\" \""},
        {"\"flops\":\t\"0.", "\"flops\":\t\"x."},           {"\"stage\":\t\"1\"", "\"etage\":\t\"1\""},
        {"18446744073709551615", "18446744073709551616"},   {"1152921504606846976", "-152921504606x4697"},
        {"\"model.safetensors\"", "\"model.safetensorz\""}, {"\"files\"", "\"filez\""},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        save("a", 8);
        change("a/checkpoint.json", changes[i][0], changes[i][1]);
        refuse("a", hash_of_json(), "a/checkpoint.json", "not the record of a checkpoint");
    }
}
END_TEST

/* What is saved is what there was when writing began, and it is there, under its name, when that has ended. */
START_TEST(training_goes_on_meanwhile)
{
    tfx_error err = {0};
    tfx_checkpoint_written files;
    tfx_checkpoint_record record = {.at = {.step = 3}, .setting = {.model = (char *)"m"}};
    for (int i = 0; i < N; i++)
        device[0][i] = device[1][i] = (float)(i + 1);
    tfx_checkpoint_writing *w = tfx_checkpoint_begin(temp_path("later"), "m", &layout, &io, &record, 0, &files, &err);
    ck_assert_msg(w != NULL, "%s", err.text);
    for (int i = 0; i < N; i++)
        device[0][i] = device[1][i] = -1;
    while (!tfx_checkpoint_is_durable(w))
        usleep(1000);
    ck_assert_int_eq(tfx_checkpoint_end(w, &err), TFX_OK);
    ck_assert_int_eq(load("later", files.json_hash, 0, &err), TFX_OK);
    for (int i = 0; i < N; i++)
        ck_assert(device[0][i] == (float)(i + 1) && device[1][i] == (float)(i + 1));

    /* No folder can be made below a file: nothing has begun then. */
    char *below = tfx_printf("%s/" TFX_CHECKPOINT_WEIGHTS "/x", temp_path("later"));
    ck_assert_ptr_null(tfx_checkpoint_begin(below, "m", &layout, &io, &record, 0, &files, &err));
    ck_assert_int_ne(err.status, TFX_OK);
    free(below);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("checkpoint/checkpoint");
    TCase *t = tcase_create("checkpoint");
    tcase_add_checked_fixture(t, temp_dir_setup, temp_dir_teardown);
    tcase_add_test(t, training_goes_on_meanwhile);
    tcase_add_test(t, what_was_saved_comes_back);
    tcase_add_test(t, what_a_policy_remembers_comes_back);
    tcase_add_test(t, changed_files);
    tcase_add_test(t, pipes);
    tcase_add_test(t, files_of_another_checkpoint);
    tcase_add_test(t, formats);
    tcase_add_test(t, weights_of_a_folder);
    tcase_add_test(t, sizes_of_the_record);
    tcase_add_test(t, odd_records);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
