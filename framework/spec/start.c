#include "framework/spec/start.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/plugin/option_text.h"

static const char *const kinds[] = {
    [TFX_START_ARM] = "arm", [TFX_START_RUN] = "run", [TFX_START_CHECKPOINT] = "checkpoint"};
static const char *const points[] = {[TFX_POINT_STEP] = "step", [TFX_POINT_STAGE] = "stage", [TFX_POINT_END] = "end"};

/* The index of the name that `text` starts with, up to a character of `ends`; 0: it is none of them. */
static int which(const char *const *names, int n, const char *text, const char *ends)
{
    size_t length = strcspn(text, ends);
    for (int i = 1; i < n; i++)
        if (strlen(names[i]) == length && !strncmp(names[i], text, length))
            return i;
    return 0;
}

static tfx_status fail(const tfx_setting *s, const char *const *names, int n, const char *word, const char *ends,
                       tfx_error *err)
{
    char *found = tfx_strndup(word, strcspn(word, ends));
    tfx_suggest known = {.name = found, .listed = 1};
    for (int i = 1; i < n; i++)
        tfx_suggest_add(&known, "%s", names[i]);
    tfx_fail_at(err, s->file, s->line,
                "start: expected arm:NAME@POINT, run:ID@POINT or checkpoint:PATH, where POINT is step:N (from 1), "
                "stage:K (from 0) or end; found \"%.200s\"",
                s->value);
    tfx_suggest_end(&known, NULL, err);
    free(found);
    return err->status;
}
#define FAIL(names, word, ends) fail(s, names, sizeof(names) / sizeof(*(names)), word, ends, err)

/* "step:N", "stage:K" or "end". */
static tfx_status read_point(tfx_start *out, const tfx_setting *s, const char *text, tfx_error *err)
{
    int point = which(points, sizeof(points) / sizeof(*points), text, ":");
    const char *number = point ? text + strlen(points[point]) : "";
    int ends = point == TFX_POINT_END && !*number;
    int counts = (point == TFX_POINT_STEP || point == TFX_POINT_STAGE) && *number == ':' &&
                 !tfx_option_read_int(number + 1, &out->number) && out->number >= (point == TFX_POINT_STEP);
    if (!ends && !counts)
        return FAIL(points, point ? "" : text, ":");
    out->point = (tfx_start_point)point;
    return TFX_OK;
}

static tfx_status read_value(tfx_start *out, const tfx_setting *s, tfx_error *err)
{
    int kind = which(kinds, sizeof(kinds) / sizeof(*kinds), s->value, ":");
    const char *rest = strchr(s->value, ':'), *at = strrchr(s->value, '@');
    if (!kind || !rest || !*++rest)
        return FAIL(kinds, kind ? "" : s->value, ":@");
    out->file = s->file;
    out->line = s->line;
    out->kind = (tfx_start_kind)kind;
    if (kind == TFX_START_CHECKPOINT) {
        out->name = tfx_option_absolute_path(rest, s->file);
        return TFX_OK;
    }
    if (!at || at <= rest)
        return FAIL(kinds, "", "");
    out->name = tfx_strndup(rest, (size_t)(at - rest));
    if (kind == TFX_START_RUN && (!tfx_parse_integer(out->name, &out->run) || out->run < 1))
        return FAIL(kinds, "", "");
    return read_point(out, s, at + 1, err);
}

tfx_status tfx_start_read(tfx_start *out, const tfx_setting *start, const tfx_options *arm, tfx_error *err)
{
    static const char *const below[] = {"start.optimizer", "start.data"};
    *out = (tfx_start){.keep_optimizer = !strcmp(tfx_options_string(arm, "start.optimizer"), "keep"),
                       .continue_data = !strcmp(tfx_options_string(arm, "start.data"), "continue")};
    if (start && *start->value)
        return read_value(out, start, err);
    for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++) {
        int line;
        const char *file = tfx_options_origin(arm, below[i], &line);
        if (file)
            return tfx_fail_at(err, file, line, "%s: expected a start beside it; found none", below[i]);
    }
    return TFX_OK;
}

tfx_status tfx_start_parse(tfx_start *out, const char *text, tfx_error *err)
{
    const tfx_setting recorded = {.key = "start", .value = text, .file = "recorded arm"};
    *out = (tfx_start){0};
    return read_value(out, &recorded, err);
}

void tfx_start_finish(tfx_start *s)
{
    free(s->name);
    *s = (tfx_start){0};
}

char *tfx_start_text(const tfx_start *s)
{
    if (s->kind == TFX_START_CHECKPOINT || s->kind == TFX_START_INIT)
        return s->kind ? tfx_printf("%s:%s", kinds[s->kind], s->name) : tfx_strdup("");
    if (s->point == TFX_POINT_END)
        return tfx_printf("%s:%s@end", kinds[s->kind], s->name);
    return tfx_printf("%s:%s@%s:%" PRId64, kinds[s->kind], s->name, points[s->point], s->number);
}

void tfx_start_locate(const tfx_start *s, tfx_error *err)
{
    tfx_error_locate_in(err, s->file, s->line, "start");
}
