/* Lines of the progress display, at every width. */
#include <string.h>

#include "framework/base/memory.h"
#include "framework/train/bar_line.h"
#include "tests/check_main.h"

static const tfx_bar_style ascii, unicode = {.unicode = 1}, colour = {.unicode = 1, .colour = 1};

static tfx_bar_line sample(double share)
{
    return (tfx_bar_line){.label = "transformer seed 1",
                          .label_width = 18,
                          .share = share,
                          .texts = {{"219/450", 1}, {"14.9k tokens/s", 3}, {"loss 2.2618", 2}, {"ETA 21.1s", 0}}};
}

static char *text_of(tfx_bar_line line, size_t width, const tfx_bar_style *style)
{
    tfx_text t = {0};
    line.label_width = tfx_bar_label_width(line.label_width, width);
    tfx_bar_line_add(&t, &line, width, style);
    return t.s;
}

#define ck_assert_line(share, width, style, expected) \
    do { \
        char *found = text_of(sample(share), width, style); \
        ck_assert_str_eq(found, expected); \
        free(found); \
    } while (0)

START_TEST(what_goes_first)
{
    ck_assert_line(
        0.5, 200, &ascii,
        "transformer seed 1  ###############...............  219/450  14.9k tokens/s  loss 2.2618  ETA 21.1s");
    ck_assert_line(0.5, 79, &ascii, "transformer seed 1  #####.....  219/450  14.9k tokens/s  loss 2.2618  ETA 21.1s");
    ck_assert_line(0.5, 73, &ascii, "transformer seed 1  ##########..........  219/450  loss 2.2618  ETA 21.1s");
    ck_assert_line(0.5, 57, &ascii, "transformer seed 1  ########.........  219/450  ETA 21.1s");
    ck_assert_line(0.5, 39, &ascii, "transfo~ seed 1  #####......  ETA 21.1s");
    ck_assert_line(0.5, 20, &ascii, "tran~d 1  #####.....");
    ck_assert_line(0.5, 12, &ascii, "tr~1  ###...");
    ck_assert_line(0.5, 8, &ascii, "tra");
}
END_TEST

START_TEST(bars)
{
    ck_assert_line(0, 39, &ascii, "transfo~ seed 1  ...........  ETA 21.1s");
    ck_assert_line(0.99, 39, &ascii, "transfo~ seed 1  ##########.  ETA 21.1s");
    ck_assert_line(1, 39, &ascii, "transfo~ seed 1  ###########  ETA 21.1s");
    ck_assert_line(1.5, 39, &ascii, "transfo~ seed 1  ###########  ETA 21.1s");
    ck_assert_line(-1, 39, &ascii, "transfo~ seed 1  219/450  ETA 21.1s");
}
END_TEST

/* Columns: characters but for the control sequences of colours. */
static size_t columns(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        if (*s == '\033')
            s = strchr(s, 'm');
        else
            n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

START_TEST(never_too_wide)
{
    static const tfx_bar_style *const styles[] = {&ascii, &unicode, &colour};
    static const double shares[] = {-1, 0, 1e-9, 0.31, 0.999999, 1, 7};
    for (size_t width = 1; width <= 220; width++)
        for (size_t k = 0; k < 3; k++)
            for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
                tfx_bar_line line = sample(shares[i]);
                char *text = text_of(line, width, styles[k]);
                if (text && columns(text) > width)
                    ck_abort_msg("%zu columns at a width of %zu: %s", columns(text), width, text);
                free(text);
                line.label = "a";
                text = text_of(line, width, styles[k]);
                if (text && columns(text) > width)
                    ck_abort_msg("%zu columns at a width of %zu: %s", columns(text), width, text);
                free(text);
            }
}
END_TEST

START_TEST(styles)
{
    char *text = text_of(sample(0.4), 57, &unicode);
    ck_assert_str_eq(text, "transformer seed 1  ██████░░░░░░░░░░░  219/450  ETA 21.1s");
    free(text);
    text = text_of(sample(0.4), 57, &colour);
    ck_assert_str_eq(text, "transformer seed 1  \033[32m██████\033[0;2m░░░░░░░░░░░\033[0m  219/450  ETA 21.1s");
    free(text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train: bar line");
    TCase *c = tcase_create("line");
    tcase_add_test(c, what_goes_first);
    tcase_add_test(c, bars);
    tcase_add_test(c, never_too_wide);
    tcase_add_test(c, styles);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
