#include "framework/plan/units_dot.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/plan/units_text.h"

typedef struct drawing {
    const tfx_unit_list *l;
    FILE *out;
    uint32_t *shown; /* per unit: the one that is drawn in its place; l->n: none is */
    uint32_t *times; /* per unit that is drawn: how many it stands for */
} drawing;

/* A string of the DOT language. Newlines become line breaks. */
static void put_string(FILE *out, const char *s)
{
    fputc('"', out);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            fputc('\\', out);
        if (*s == '\n')
            fputs("\\n", out);
        else
            fputc(*s, out);
    }
    fputc('"', out);
}

/* Opens the frames of a path, "blocks.3.ffn.up" within "blocks.3.ffn" within "blocks.3"; a frame that was open before is the same one.
 * Returns how many. */
static int open_frames(FILE *out, const char *path)
{
    int n = 0;
    for (const char *end = path; end;) {
        end = strchr(end, '.');
        if (end && !strncmp(path, "blocks.", 7) && end == path + 6)
            end = strchr(end + 1, '.'); /* the number belongs to it */
        char *whole = end ? tfx_strndup(path, (size_t)(end - path)) : tfx_strdup(path),
             *id = tfx_printf("cluster_%s", whole);
        const char *last = strrchr(whole, '.');
        fputs("  subgraph ", out);
        put_string(out, id);
        fputs(" { label=", out);
        put_string(out, last && (n || strncmp(whole, "blocks.", 7)) ? last + 1 : whole);
        fputs(";\n", out);
        free(whole);
        free(id);
        end += end != NULL;
        n++;
    }
    return n;
}

/* Colours by pass: paper, and three tints. */
static const char *const fills[TFX_N_PASSES] = {"#ffffff", "#fff3d6", "#e3edf7", "#e6f2e1"};

static void put_unit(const drawing *d, uint32_t at)
{
    const tfx_unit_info *u = &d->l->items[at];
    char shape[TFX_SHAPE_TEXT], flops[32];
    tfx_text label = {0};
    tfx_text_add(&label, "%s", u->ops);
    if (u->n_results)
        tfx_text_add(&label, "\n%s %s", tfx_format_shape(shape, u->results->tensor->n_dims, u->results->tensor->dims),
                     tfx_dtype_name(u->results->tensor->dtype));
    if (u->flops + u->recomputed > 0)
        tfx_text_add(&label, "\n%s FLOPs", tfx_format_count(flops, u->flops + u->recomputed));
    if (d->times[at] > 1)
        tfx_text_add(&label, "\nx%" PRIu32, d->times[at]);
    int frames = u->n_sites && u->pass != TFX_PASS_UPDATE
                     ? open_frames(d->out, d->l->stage->sites.items[u->sites[0] - 1].path)
                     : 0;
    fprintf(d->out, "  u%" PRIu32 " [fillcolor=\"%s\", label=", at, fills[u->pass]);
    put_string(d->out, label.s);
    fputs("];\n", d->out);
    for (int i = 0; i < frames; i++)
        fputs("  }\n", d->out);
    tfx_text_free(&label);
}

/* Each pair once. From one block to the next an edge may lead back into what is drawn of both. */
static void put_edges(const drawing *d)
{
    const tfx_unit_list *l = d->l;
    char *drawn = TFX_NEW_ARRAY(char, l->n);
    for (uint32_t to = 0; to < l->n; to++) {
        if (d->shown[to] != to)
            continue;
        memset(drawn, 0, l->n);
        for (uint32_t at = 0; at < l->n; at++)
            for (uint32_t i = 0; d->shown[at] == to && i < l->items[at].n_reads; i++) {
                uint32_t from = d->shown[l->items[at].reads[i]];
                if (from < l->n && !drawn[from])
                    fprintf(d->out, "  u%" PRIu32 " -> u%" PRIu32 "%s;\n", from, to,
                            from >= to ? " [constraint=false, style=dashed]" : "");
                if (from < l->n)
                    drawn[from] = 1;
            }
    }
    free(drawn);
}

void tfx_units_print_dot(const tfx_unit_list *l, int all, int backward, FILE *out)
{
    drawing d = {l, out, TFX_NEW_ARRAY(uint32_t, l->n), TFX_NEW_ARRAY(uint32_t, l->n)};
    for (uint32_t i = 0; i < l->n; i++)
        d.shown[i] = l->n;
    fputs("digraph ", out);
    put_string(out, l->stage->model->name);
    fputs(" {\n  rankdir=TB; newrank=true; fontname=\"sans-serif\"; color=\"#999999\"; style=rounded;\n"
          "  node [shape=box, style=\"filled,rounded\", fontname=\"sans-serif\", fontsize=10, margin=\"0.2,0.05\"];\n  "
          "edge [color=\"#666666\"];\n",
          out);
    for (int p = 0; p < TFX_N_PASSES; p++) {
        tfx_block_rows rows;
        if (p != TFX_PASS_FORWARD && !backward)
            break;
        tfx_units_fold(l, p, all, &rows);
        for (uint32_t i = 0; i < rows.n; i++) {
            d.times[rows.items[i].of[0]] = rows.items[i].n;
            for (uint32_t k = 0; k < rows.items[i].n; k++)
                d.shown[rows.items[i].of[k]] = rows.items[i].of[0];
            put_unit(&d, rows.items[i].of[0]);
        }
        tfx_block_rows_finish(&rows);
    }
    put_edges(&d);
    fputs("}\n", out);
    free(d.shown);
    free(d.times);
}
