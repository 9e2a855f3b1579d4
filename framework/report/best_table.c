#include "framework/report/best_table.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "framework/analysis/search.h"
#include "framework/base/json.h"
#include "framework/report/table.h"

static int max(int a, size_t b)
{
    return a > (int)b ? a : (int)b;
}

static const char *name_of(const tfx_point *p)
{
    return p ? p->arm : "-";
}

static const char *loss_of(char *buf, const tfx_point *p)
{
    return p ? tfx_cell_format(buf, TFX_CELL_LOSS, p->loss) : "-";
}

static void print_table(const tfx_search *s, tfx_grouping by, FILE *out)
{
    int group = max(0, strlen(tfx_groupings[by])), best = max(0, strlen("best")), next = max(0, strlen("runner-up"));
    char a[32], b[32];
    tfx_best g;
    for (size_t i = 0; i < s->n; i += g.n) {
        g = tfx_search_best(s, i);
        group = max(group, strlen(g.points->group));
        best = max(best, strlen(name_of(g.best)));
        next = max(next, strlen(name_of(g.next)));
    }
    fprintf(out, "%-*s  %-*s  %8s  %5s  %-*s  %8s  %6s  %6s  %8s\n", group, tfx_groupings[by], best, "best", "val loss",
            "seeds", next, "runner-up", "val loss", "points", "failed", "not done");
    for (size_t i = 0; i < s->n; i += g.n) {
        g = tfx_search_best(s, i);
        fprintf(out, "%-*s  %-*s  %8s  %5" PRId64 "  %-*s  %8s  %6zu  %6zu  %8zu\n", group, g.points->group, best,
                name_of(g.best), loss_of(a, g.best), g.best ? g.best->n_done : 0, next, name_of(g.next),
                loss_of(b, g.next), g.n, g.n_failed, g.n - g.n_tried);
    }
}

/* The keys of the best point that are at the edge of what was tried, as {"train.lr": "highest"}. */
static cJSON *edges_of(const tfx_best *g)
{
    cJSON *edges = cJSON_CreateObject(), *point = g->best && g->best->point ? cJSON_Parse(g->best->point) : NULL;
    for (const cJSON *key = point ? point->child : NULL; key; key = key->next) {
        int side = tfx_best_edge(g, key->string);
        if (side)
            cJSON_AddStringToObject(edges, key->string, side > 0 ? "highest" : "lowest");
    }
    cJSON_Delete(point);
    return edges;
}

static void print_notes(const tfx_search *s, FILE *out)
{
    tfx_best g;
    for (size_t i = 0; i < s->n; i += g.n) {
        g = tfx_search_best(s, i);
        cJSON *edges = edges_of(&g);
        for (const cJSON *edge = edges->child; edge; edge = edge->next)
            fprintf(out, "%s: %s of %s is the %s tried: widen the sweep.\n", g.points->group, edge->string, g.best->arm,
                    edge->valuestring);
        cJSON_Delete(edges);
        size_t n_open = 0;
        for (size_t k = 0; k < g.n; k++) {
            const tfx_point *p = &g.points[k];
            if (p->n_failed)
                fprintf(out, "%s: %s failed with %" PRId64 " of %" PRId64 " seeds.\n", p->group, p->arm, p->n_failed,
                        p->n_runs);
            else if (tfx_point_is_open(p))
                fprintf(out, "%s%s (%" PRId64 " of %" PRId64 " seeds)", n_open++ ? ", " : "not done: ", p->arm,
                        p->n_done, p->n_runs);
        }
        if (n_open)
            fputc('\n', out);
    }
}

static void add_point(cJSON *group, const char *key, const tfx_point *p)
{
    if (!p) {
        cJSON_AddNullToObject(group, key);
        return;
    }
    cJSON *point = cJSON_AddObjectToObject(group, key);
    cJSON_AddStringToObject(point, "arm", p->arm);
    if (p->point)
        cJSON_AddItemToObject(point, "point", cJSON_Parse(p->point));
    cJSON_AddNumberToObject(point, "val_loss", p->loss);
    cJSON_AddNumberToObject(point, "seeds", (double)p->n_done);
    cJSON_AddStringToObject(point, "runs", p->runs);
}

static void print_json(const tfx_search *s, tfx_grouping by, FILE *out)
{
    cJSON *list = cJSON_CreateArray();
    tfx_best g;
    for (size_t i = 0; i < s->n; i += g.n) {
        g = tfx_search_best(s, i);
        cJSON *group = cJSON_CreateObject();
        cJSON_AddItemToArray(list, group);
        cJSON_AddStringToObject(group, tfx_groupings[by], g.points->group);
        add_point(group, "best", g.best);
        add_point(group, "runner_up", g.next);
        cJSON_AddNumberToObject(group, "points", (double)g.n);
        cJSON *failed = cJSON_AddArrayToObject(group, "failed"), *open = cJSON_AddArrayToObject(group, "not_done");
        for (size_t k = 0; k < g.n; k++)
            if (g.points[k].n_failed || tfx_point_is_open(&g.points[k]))
                cJSON_AddItemToArray(g.points[k].n_failed ? failed : open, cJSON_CreateString(g.points[k].arm));
        cJSON_AddItemToObject(group, "edges", edges_of(&g));
    }
    tfx_json_print(list, out);
    cJSON_Delete(list);
}

tfx_status tfx_report_best(tfx_store *s, tfx_id experiment, tfx_grouping by, int json, FILE *out, tfx_error *err)
{
    tfx_search search;
    if (tfx_search_read(s, experiment, by, &search, err) == TFX_OK && json) {
        print_json(&search, by, out);
    } else if (err->status == TFX_OK) {
        print_table(&search, by, out);
        print_notes(&search, out);
    }
    tfx_search_finish(&search);
    return err->status;
}
