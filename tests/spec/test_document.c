/* Document: the page of keys names everything that is declared, once, as valid tables. */
#include "framework/spec/document.h"
#include "tests/check_main.h"
#include "tests/spec/spec_files.h"

static void has(const char *page, const char *line)
{
    const char *at = strstr(page, line);
    ck_assert_msg(at != NULL, "the page lacks: %s", line);
    ck_assert_msg(at == page || at[-1] == '\n', "not at the start of a line: %s", line);
    ck_assert_msg(strstr(at + 1, line) == NULL, "twice: %s", line);
}

START_TEST(lines)
{
    tfx_text t = {0};
    tfx_spec_document(registry, &t);
    has(t.s, "| `seeds` | integers separated by commas, 0 to 9000T | `1` | every arm runs once with each of them |\n");
    has(t.s, "| `name` | text | required | ");
    has(t.s, "| `lr` | number, at least 0 | `6e-4` | peak learning rate |\n");
    has(t.s, "| `schedule` | one of: constant, linear, cosine, wsd | `cosine` | ");
    has(t.s, "| `optimizer.beta1` | number, 0 to 0.999999 | `0.9` | decay of the first moment |\n");
    has(t.s, "| `optimizer.nesterov` | true or false | `false` | look ahead \\| along the velocity |\n");
    has(t.s, "| `loader.train` | path | required | file to train on |\n");
    has(t.s, "| `loader.val` | path | nothing | held-out file |\n");
    has(t.s, "| `policy.models` | texts separated by commas | required | models to grow into |\n");
    has(t.s, "| `backend.threads` | integer, 0 to 1024 | `0` | threads; 0: one for each core |\n");
    has(t.s, "| `width` | integer, 1 to 99 | `3` | number of coefficients |\n");
    has(t.s, "| `mixer` | `filter` | mixes positions |\n");
    has(t.s, "| `ffn` | required | works on each position |\n");
    has(t.s, "### `sgd`\n\nSGD (plugin `spec_kit` 1.0.0)\n");
    has(t.s, "### `block`\n");
    has(t.s, "## Ops\n\nNo plugin offers any.\n");
    ck_assert(strstr(t.s, "### `adamw`") < strstr(t.s, "### `sgd`"));
    ck_assert(t.s[t.n - 1] == '\n' && t.s[t.n - 2] != '\n');

    /* Every row of a table has the columns of its head. */
    size_t columns = 0;
    for (char *save, *line = strtok_r(t.s, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        size_t bars = 0;
        for (const char *p = line; *p; p++)
            bars += *p == '|' && (p == line || p[-1] != '\\');
        if (*line != '|')
            columns = 0;
        else if (!columns)
            columns = bars;
        ck_assert_msg(*line != '|' || bars == columns, "%zu bars, not %zu: %s", bars, columns, line);
    }
    tfx_text_free(&t);
}
END_TEST

START_TEST(appends)
{
    tfx_text once = {0}, twice = {0};
    tfx_text_add(&twice, "before\n");
    tfx_spec_document(registry, &once);
    tfx_spec_document(registry, &twice);
    ck_assert_ptr_eq(strstr(twice.s, once.s), twice.s + strlen("before\n"));
    tfx_text_free(&once);
    tfx_text_free(&twice);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("spec/document");
    TCase *c = tcase_create("document");
    tcase_add_checked_fixture(c, open_registry, close_registry);
    tcase_add_test(c, lines);
    tcase_add_test(c, appends);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
