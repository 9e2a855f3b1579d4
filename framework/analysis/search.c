#include "framework/analysis/search.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/plugin/option_text.h"
#include "framework/store/queries.h"

void tfx_search_finish(tfx_search *s)
{
    for (size_t i = 0; i < s->n; i++) {
        tfx_point *p = &s->points[i];
        char *const texts[] = {p->arm, p->group, p->point, p->train, p->model, p->scaling, p->start, p->runs};
        for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++)
            free(texts[k]);
    }
    free(s->points);
    *s = (tfx_search){0};
}

tfx_status tfx_search_read(tfx_store *s, tfx_id experiment, tfx_grouping by, tfx_search *out, tfx_error *err)
{
    *out = (tfx_search){0};
    tfx_rows *q = tfx_query_points(s, experiment, by, err);
    while (tfx_rows_next(q, err)) {
        tfx_point *p = TFX_APPEND(out->points, out->n, out->cap);
        p->arm = tfx_strdup(tfx_rows_text(q, 0, err));
        p->group = tfx_strdup(tfx_rows_text(q, 1, err));
        p->point = tfx_rows_copy(q, 2, err);
        p->train = tfx_rows_copy(q, 3, err);
        p->model = tfx_strdup(tfx_rows_text(q, 4, err));
        p->scaling = tfx_rows_copy(q, 5, err);
        p->start = tfx_rows_copy(q, 6, err);
        p->n_runs = tfx_rows_int(q, 7, 0, err);
        p->n_done = tfx_rows_int(q, 8, 0, err);
        p->n_failed = tfx_rows_int(q, 9, 0, err);
        p->loss = tfx_rows_real(q, 10, err);
        p->runs = tfx_strdup(tfx_rows_text(q, 11, err));
    }
    tfx_rows_close(q);
    return err->status;
}

int tfx_point_is_open(const tfx_point *p)
{
    return !p->n_failed && p->n_done < p->n_runs;
}

tfx_best tfx_search_best(const tfx_search *s, size_t first)
{
    tfx_best b = {.points = &s->points[first]};
    for (size_t i = first; i < s->n && !strcmp(s->points[i].group, b.points->group); i++) {
        const tfx_point *p = &s->points[i];
        b.n++;
        b.n_tried += !tfx_point_is_open(p);
        b.n_failed += p->n_failed > 0;
        if (p->n_failed || !p->n_done)
            continue;
        if (!b.best || p->loss < b.best->loss) {
            b.next = b.best;
            b.best = p;
        } else if (!b.next || p->loss < b.next->loss) {
            b.next = p;
        }
    }
    return b;
}

/* A text in a JSON object; heap, NULL: there is none. */
static char *text_in(const char *object, const char *key)
{
    cJSON *json = object ? cJSON_Parse(object) : NULL;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    char *text = cJSON_IsString(item) ? tfx_strdup(item->valuestring) : NULL;
    cJSON_Delete(json);
    return text;
}

static int number_in(const tfx_point *p, const char *key, double *out)
{
    char *text = text_in(p->point, key);
    int is_number = text && !tfx_option_read_real(text, out);
    free(text);
    return is_number;
}

int tfx_best_edge(const tfx_best *b, const char *key)
{
    double mine, other;
    int lower = 0, higher = 0;
    if (!b->best || !number_in(b->best, key, &mine))
        return 0;
    for (size_t i = 0; i < b->n; i++) {
        if (tfx_point_is_open(&b->points[i]) || !number_in(&b->points[i], key, &other))
            continue;
        lower |= other < mine;
        higher |= other > mine;
    }
    return lower == higher ? 0 : lower ? 1 : -1;
}

/* ---- the value of an expression ---- */

/* What follows "NAME." in `text`, or NULL. */
static const char *after(const char *text, const char *name)
{
    size_t n = strlen(name);
    return !strncmp(text, name, n) && text[n] == '.' ? text + n + 1 : NULL;
}

/* Names may have dots: the longest that fits. */
static char *find_experiment(tfx_store *s, const char *text, const char **rest, tfx_error *err)
{
    char *best = NULL;
    tfx_rows *q = tfx_query_experiment_names(s, err);
    while (tfx_rows_next(q, err)) {
        const char *name = tfx_rows_text(q, 0, err), *behind = after(text, name);
        if (!behind || (best && strlen(best) > strlen(name)))
            continue;
        free(best);
        best = tfx_strdup(name);
        *rest = behind;
    }
    tfx_rows_close(q);
    return best;
}

static tfx_status fail_experiment(tfx_store *s, const char *text, tfx_error *err)
{
    char *name = tfx_strndup(text, strcspn(text, "."));
    tfx_error other = {0};
    tfx_suggest known = {.name = name};
    tfx_rows *q = tfx_query_experiment_names(s, &other);
    while (tfx_rows_next(q, &other))
        tfx_suggest_add(&known, "%s", tfx_rows_text(q, 0, &other));
    tfx_rows_close(q);
    tfx_fail(err, TFX_E_INVALID, "database %s has no experiment '%s'; run its spec first", tfx_store_path(s), name);
    tfx_suggest_end(&known, NULL, err);
    free(name);
    return err->status;
}

/* "tfx run FILE --profile NAME --resume" finishes what is open. */
static tfx_status fail_open(tfx_store *s, tfx_id experiment, const tfx_best *b, tfx_error *err)
{
    size_t n = 0;
    const tfx_point *first = NULL;
    for (size_t i = 0; i < b->n; i++) {
        if (!tfx_point_is_open(&b->points[i]))
            continue;
        n++;
        first = first ? first : &b->points[i];
    }
    tfx_rows *q = tfx_query_experiment(s, experiment, err);
    if (tfx_rows_next(q, err)) {
        char *path = tfx_strdup(tfx_rows_text(q, 1, err)), *profile = tfx_rows_copy(q, 2, err);
        tfx_fail(err, TFX_E_INVALID,
                 "the search is not over: in experiment %" PRId64
                 ", runs of %zu of %zu points of arm '%s' are not done, such as "
                 "'%s'; tfx run %s%s%s --resume executes them",
                 experiment, n, b->n, b->points->group, first->arm, path, profile ? " --profile " : "",
                 profile ? profile : "");
        free(path);
        free(profile);
    }
    tfx_rows_close(q);
    return err->status;
}

/* A key of an arm, as the point has it, or as all that is recorded of the arm has it. */
static char *value_of(const tfx_point *p, const char *key)
{
    char *value = text_in(p->point, key);
    const char *train = after(key, "train");
    if (!value && train)
        value = text_in(p->train, train);
    else if (!value)
        value = tfx_strdup(!strcmp(key, "model")     ? p->model
                           : !strcmp(key, "scaling") ? p->scaling
                           : !strcmp(key, "start")   ? p->start
                                                     : NULL);
    return value;
}

static void suggest_keys(tfx_suggest *known, const tfx_point *p)
{
    const char *const objects[] = {p->point, p->train};
    for (int i = 0; i < 2; i++) {
        cJSON *json = objects[i] ? cJSON_Parse(objects[i]) : NULL;
        for (const cJSON *item = json ? json->child : NULL; item; item = item->next)
            tfx_suggest_add(known, "%s%s", i ? "train." : "", item->string);
        cJSON_Delete(json);
    }
    tfx_suggest_add(known, "model");
}

static tfx_status take(tfx_store *s, tfx_id experiment, const tfx_best *b, const char *key, tfx_taken *out,
                       tfx_error *err)
{
    for (size_t i = 0; i < b->n; i++)
        if (tfx_point_is_open(&b->points[i]))
            return fail_open(s, experiment, b, err);
    if (!b->best)
        return tfx_fail(err, TFX_E_INVALID, "all %zu points of arm '%s' in experiment %" PRId64 " failed", b->n,
                        b->points->group, experiment);
    *out = (tfx_taken){.value = value_of(b->best, key),
                       .experiment = experiment,
                       .arm = tfx_strdup(b->best->arm),
                       .runs = tfx_strdup(b->best->runs),
                       .model = tfx_strdup(b->best->model),
                       .loss = b->best->loss,
                       .points = (int64_t)b->n_tried,
                       .seeds = b->best->n_done};
    if (out->value)
        return TFX_OK;
    tfx_suggest known = {.name = key};
    suggest_keys(&known, b->best);
    tfx_fail(err, TFX_E_INVALID, "nothing is recorded of \"%s\" of arm '%s' in experiment %" PRId64, key, b->best->arm,
             experiment);
    return tfx_suggest_end(&known, NULL, err);
}

/* The group with the longest name that fits. */
static tfx_status take_from(tfx_store *s, tfx_id experiment, const tfx_search *search, const char *name,
                            const char *rest, tfx_taken *out, tfx_error *err)
{
    size_t at = search->n;
    tfx_suggest known = {0};
    for (size_t i = 0; i < search->n; i++) {
        const char *group = search->points[i].group;
        tfx_suggest_add(&known, "%s", group);
        if (after(rest, group) && (at == search->n || strlen(group) > strlen(search->points[at].group)))
            at = i;
    }
    char *arm = tfx_strndup(rest, strcspn(rest, "."));
    known.name = arm;
    if (at == search->n)
        tfx_fail(err, TFX_E_INVALID, "experiment '%s' of database %s has no arm '%s' with a key behind it", name,
                 tfx_store_path(s), arm);
    tfx_suggest_end(&known, NULL, err);
    free(arm);
    if (err->status != TFX_OK)
        return err->status;
    const tfx_best b = tfx_search_best(search, at);
    return take(s, experiment, &b, after(rest, b.points->group), out, err);
}

tfx_status tfx_search_value(tfx_store *s, const char *expression, tfx_taken *out, tfx_error *err)
{
    const char *text = expression + strlen("best:"), *rest = NULL;
    char *name = find_experiment(s, text, &rest, err);
    tfx_search search = {0};
    if (err->status == TFX_OK && !name)
        fail_experiment(s, text, err);
    tfx_id experiment = name ? tfx_store_newest_experiment(s, name, err) : 0;
    if (experiment && tfx_search_read(s, experiment, TFX_BY_ARM, &search, err) == TFX_OK)
        take_from(s, experiment, &search, name, rest, out, err);
    tfx_search_finish(&search);
    free(name);
    return err->status;
}
