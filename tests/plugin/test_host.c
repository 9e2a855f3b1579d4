/* The host table as plugins see it: errors per thread, misuse of options, logging. */
#include <fcntl.h>
#include <pthread.h>

#include "framework/base/random.h"
#include "framework/plugin/calls/call.h"
#include "framework/plugin/host.h"
#include "framework/plugin/options.h"
#include "plugin_files.h"
#include "tfx/layer.h"
#include "tests/check_main.h"

#undef fail /* Check's old macro hides the member of tfx_host */

#define ASSERT_HAS(text, part) ck_assert_msg(strstr(text, part) != NULL, "\"%s\" lacks \"%s\"", text, part)

static const char *const modes[] = {"fast", "slow", NULL};
static const tfx_option decl[] = {
    TFX_OPTION("count", TFX_OPT_INT, "2k", 0, 0, NULL, "a count"),
    TFX_OPTION("rate", TFX_OPT_REAL, "0.5", 0, 0, NULL, "a rate"),
    TFX_OPTION("flag", TFX_OPT_BOOL, "yes", 0, 0, NULL, "a flag"),
    TFX_OPTION("text", TFX_OPT_STRING, "hello", 0, 0, NULL, "a text"),
    TFX_OPTION("mode", TFX_OPT_CHOICE, "slow", 0, 0, modes, "a choice"),
    TFX_OPTION("number", TFX_OPT_REAL_OR_CHOICE, "1.5", 0, 9, modes, "a number or a choice"),
    TFX_OPTION("word", TFX_OPT_REAL_OR_CHOICE, "slow", 0, 9, modes, "a number or a choice"),
    TFX_OPTION("ints", TFX_OPT_INT_LIST, "1, 2, 3", 0, 0, NULL, "some integers"),
    TFX_OPTION("reals", TFX_OPT_REAL_LIST, "0.5, 1.5", 0, 0, NULL, "some reals"),
    TFX_OPTION("texts", TFX_OPT_STRING_LIST, "a, b", 0, 0, NULL, "some texts"),
};

static tfx_options *defaults(void)
{
    tfx_error err = {0};
    tfx_options *o = tfx_options_resolve(decl, sizeof(decl) / sizeof(*decl), NULL, 0, "test", &err);
    ck_assert_msg(o != NULL, "%s", err.text);
    return o;
}

/* Calls of a function `build`, of each thread. */
static _Thread_local tfx_call calls[4];
static _Thread_local int depth;

static void begin(void)
{
    static const tfx_layer_class layer = {.struct_size = sizeof(layer), .name = "x"};
    tfx_call_begin(&calls[depth++], TFX_KIND_LAYER, &layer, "build", NULL);
}

static tfx_status end(tfx_status status, const char *what, tfx_error *err)
{
    return tfx_call_end(&calls[--depth], status, what, err);
}

START_TEST(first_message_wins)
{
    const tfx_host *h = tfx_host_table();
    tfx_error err = {0};
    begin();
    ck_assert_int_eq(h->fail(h, TFX_E_IO, "first %d", 1), TFX_E_IO);
    ck_assert_int_eq(h->fail(h, TFX_E_DATA, "second"), TFX_E_DATA);
    ck_assert_int_eq(end(TFX_E_DATA, "loader bytes", &err), TFX_E_DATA);
    ck_assert_str_eq(err.text, "loader bytes: first 1");
    ck_assert_int_eq(err.status, TFX_E_DATA);

    /* The next call starts clean; a failure that the plugin got over is forgotten. */
    err = (tfx_error){0};
    begin();
    h->fail(h, TFX_E_IO, "old");
    ck_assert_int_eq(end(TFX_OK, "x", &err), TFX_OK);
    ck_assert_int_eq(err.status, TFX_OK);
    begin();
    ck_assert_int_eq(end(TFX_E_IO, NULL, &err), TFX_E_IO);
    ck_assert_str_eq(err.text, "`build` failed without a message (status -2, input/output error)");
}
END_TEST

START_TEST(success_is_no_failure)
{
    const tfx_host *h = tfx_host_table();
    tfx_error err = {0};
    ck_assert_int_eq(h->fail(h, TFX_OK, "with a status that says success, outside of any call"), TFX_E_INTERNAL);
    begin();
    ck_assert_int_eq(end(7, "layer x", &err), TFX_E_INTERNAL);
    ASSERT_HAS(err.text, "layer x: bug in the plugin: `build` returned 7");
}
END_TEST

START_TEST(options_are_forwarded)
{
    const tfx_host *h = tfx_host_table();
    tfx_options *o = defaults();
    tfx_error err = {0};
    size_t n;
    begin();
    ck_assert_int_eq(h->opt_int(h, o, "count"), 2000);
    ck_assert_double_eq(h->opt_real(h, o, "rate"), 0.5);
    ck_assert_int_eq(h->opt_bool(h, o, "flag"), 1);
    ck_assert_str_eq(h->opt_string(h, o, "text"), "hello");
    ck_assert_str_eq(h->opt_string(h, o, "mode"), "slow");
    ck_assert_double_eq(h->opt_real(h, o, "number"), 1.5);
    ck_assert_ptr_null(h->opt_string(h, o, "number"));
    ck_assert_double_eq(h->opt_real(h, o, "word"), 0);
    ck_assert_str_eq(h->opt_string(h, o, "word"), "slow");
    ck_assert_int_eq(h->opt_int_list(h, o, "ints", &n)[2], 3);
    ck_assert_uint_eq(n, 3);
    ck_assert_double_eq(h->opt_real_list(h, o, "reals", &n)[1], 1.5);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(h->opt_string_list(h, o, "texts", &n)[1], "b");
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(end(TFX_OK, "x", &err), TFX_OK);
    tfx_options_destroy(o);
}
END_TEST

/* A layer's build cannot return a status, so a wrong name must count all the same. */
START_TEST(misuse_is_reported)
{
    const tfx_host *h = tfx_host_table();
    tfx_options *o = defaults();
    tfx_error err = {0};
    size_t n = 99;
    begin();
    ck_assert_int_eq(h->opt_int(h, o, "cuont"), 0);
    ck_assert_int_eq(end(TFX_OK, "layer x", &err), TFX_E_INTERNAL);
    ck_assert_str_eq(err.text, "layer x: bug in the plugin: opt_int(\"cuont\"): no such option is declared");

    err = (tfx_error){0};
    begin();
    ck_assert_ptr_null(h->opt_int_list(h, o, "count", &n));
    ck_assert_uint_eq(n, 0);
    h->opt_real(h, o, "text");
    ck_assert_int_eq(end(TFX_OK, "layer x", &err), TFX_E_INTERNAL);
    ASSERT_HAS(err.text, "opt_int_list(\"count\"): the option is declared as int");

    err = (tfx_error){0};
    begin();
    ck_assert_ptr_null(h->opt_string(h, o, "rate"));
    ck_assert_ptr_null(h->opt_string(h, NULL, "rate"));
    ck_assert_int_eq(end(TFX_E_DATA, "layer x", &err), TFX_E_INTERNAL);
    ASSERT_HAS(err.text, "declared as real");
    begin();
    ck_assert_int_eq(end(TFX_OK, "layer x", &err), TFX_OK);
    tfx_options_destroy(o);
}
END_TEST

/* As when a layer fills a slot: each call has messages of its own. */
START_TEST(calls_nest)
{
    const tfx_host *h = tfx_host_table();
    tfx_options *o = defaults();
    tfx_error inner = {0}, outer = {0};
    begin();
    h->opt_int(h, o, "cuont");
    begin();
    ck_assert_int_eq(end(TFX_OK, "inner", &inner), TFX_OK);
    begin();
    h->fail(h, TFX_E_DATA, "torn");
    ck_assert_int_eq(end(TFX_E_DATA, "", &inner), TFX_E_DATA);
    ck_assert_str_eq(inner.text, "torn");
    ck_assert_int_eq(end(TFX_OK, "outer", &outer), TFX_E_INTERNAL);
    ck_assert_str_eq(outer.text, "outer: bug in the plugin: opt_int(\"cuont\"): no such option is declared");
    tfx_options_destroy(o);
}
END_TEST

typedef struct worker {
    pthread_barrier_t *barrier;
    int number;
    tfx_error err;
} worker;

static void *fail_in_thread(void *arg)
{
    worker *w = arg;
    const tfx_host *h = tfx_host_table();
    begin();
    pthread_barrier_wait(w->barrier);
    h->fail(h, TFX_E_IO, "thread %d", w->number);
    pthread_barrier_wait(w->barrier);
    end(TFX_E_IO, NULL, &w->err);
    return NULL;
}

START_TEST(messages_belong_to_threads)
{
    enum { N = 4 };
    pthread_barrier_t barrier;
    pthread_t threads[N];
    worker workers[N];
    pthread_barrier_init(&barrier, NULL, N);
    for (int i = 0; i < N; i++) {
        workers[i] = (worker){.barrier = &barrier, .number = i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, fail_in_thread, &workers[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        char expected[32];
        pthread_join(threads[i], NULL);
        snprintf(expected, sizeof(expected), "thread %d", i);
        ck_assert_str_eq(workers[i].err.text, expected);
    }
    pthread_barrier_destroy(&barrier);
}
END_TEST

START_TEST(log_goes_to_stderr)
{
    const tfx_host *h = tfx_host_table();
    char *folder = temp_folder(), *path = tfx_printf("%s/log", folder);
    char long_text[4096];
    size_t n;
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    int saved = dup(2), fd = open(path, O_RDWR | O_CREAT, 0600);
    dup2(fd, 2);
    unsetenv("TFX_DEBUG");
    h->log(h, TFX_LOG_DEBUG, "unseen");
    h->log(h, TFX_LOG_INFO, "about %d", 1);
    setenv("TFX_DEBUG", "1", 1);
    h->log(h, TFX_LOG_DEBUG, "seen");
    h->log(h, TFX_LOG_WARN, "careful");
    h->log(h, TFX_LOG_INFO, "%s", long_text);
    dup2(saved, 2);
    unsigned char *data = read_whole(path, &n);
    char *text = tfx_strndup((char *)data, n);
    char *first = "tfx: about 1\ntfx: debug: seen\ntfx: warning: careful\ntfx: xxx";
    ck_assert_msg(!strncmp(text, first, strlen(first)), "%s", text);
    ck_assert_uint_gt(n, 2000);
    ck_assert_int_eq(text[n - 1], '\n');
    free(text);
    free(data);
    close(fd);
    close(saved);
    free(path);
    remove_folder(folder);
}
END_TEST

START_TEST(random_is_the_frameworks)
{
    const tfx_host *h = tfx_host_table();
    float a[5], b[5];
    ck_assert_uint_eq(h->random_u64(1, 2, 3), tfx_random_u64(1, 2, 3));
    h->random_normal(1, 2, 3, 5, 0.5, 2.0, a);
    tfx_random_normal(1, 2, 3, 5, 0.5, 2.0, b);
    ck_assert_mem_eq(a, b, sizeof(a));
    ck_assert_uint_eq(h->struct_size, sizeof(tfx_host));
    ck_assert_uint_eq(h->abi_major, TFX_ABI_MAJOR);
}
END_TEST

static Suite *host_suite(void)
{
    Suite *s = suite_create("host");
    TCase *t = tcase_create("host");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, first_message_wins);
    tcase_add_test(t, success_is_no_failure);
    tcase_add_test(t, options_are_forwarded);
    tcase_add_test(t, misuse_is_reported);
    tcase_add_test(t, calls_nest);
    tcase_add_test(t, messages_belong_to_threads);
    tcase_add_test(t, log_goes_to_stderr);
    tcase_add_test(t, random_is_the_frameworks);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(host_suite)
