#include "framework/plan/units_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"

/* ---- layers ---- */

#define BLOCKS "blocks."

/* The number of the block and what comes behind it; -1: it is in none. */
static int64_t block_of(const char *path, const char **rest)
{
    *rest = path;
    if (strncmp(path, BLOCKS, strlen(BLOCKS)))
        return -1;
    char *end;
    int64_t block = strtoll(path + strlen(BLOCKS), &end, 10);
    *rest = end + (*end == '.');
    return block;
}

char *tfx_unit_layers(const tfx_unit_list *l, const tfx_unit_info *u)
{
    enum { SHOWN = 3 };
    tfx_text t = {0};
    const char *rest;
    int64_t first = u->n_sites ? block_of(l->stage->sites.items[u->sites[0] - 1].path, &rest) : -1;
    for (uint32_t i = 0; i < u->n_sites && i < SHOWN; i++) {
        const char *path = l->stage->sites.items[u->sites[i] - 1].path;
        int64_t block = block_of(path, &rest);
        if (!i || block < 0 || first < 0 || llabs(block - first) > 1)
            tfx_text_add(&t, "%s%s", i ? ", " : "", path);
        else if (block == first)
            tfx_text_add(&t, ", %s", *rest ? rest : "block");
        else
            tfx_text_add(&t, ", %s%s%s", block > first ? "next" : "previous", *rest ? "." : "", rest);
    }
    if (u->n_sites > SHOWN)
        tfx_text_add(&t, " and %u more", u->n_sites - SHOWN);
    return t.s ? t.s : tfx_strdup("-");
}

/* ---- rows ---- */

/* The largest one. */
static char *result_text(const tfx_unit_info *u)
{
    char shape[TFX_SHAPE_TEXT];
    const tfx_unit_result *most = u->results;
    for (uint32_t i = 1; i < u->n_results; i++)
        most = u->results[i].bytes > most->bytes ? &u->results[i] : most;
    if (!u->n_results)
        return tfx_strdup("");
    tfx_format_shape(shape, most->tensor->n_dims, most->tensor->dims);
    return u->n_results > 1 ? tfx_printf("%s %s +%u", shape, tfx_dtype_name(most->tensor->dtype), u->n_results - 1)
                            : tfx_printf("%s %s", shape, tfx_dtype_name(most->tensor->dtype));
}

/* What the update of each parameter has, and is a number: there is nothing to tell these apart by that anybody wants to know. */
static int is_of_each(const tfx_unit_info *u)
{
    int of_each = u->pass == TFX_PASS_UPDATE && u->n_sites == 1;
    for (uint32_t i = 0; i < u->n_results; i++)
        of_each &= tfx_shape_elements(u->results[i].tensor->n_dims, u->results[i].tensor->dims) == 1;
    return of_each;
}

static char *unit_text(const tfx_unit_list *l, const tfx_unit_info *u, int all)
{
    char flops[32] = "", bytes[32] = "", kept[32] = "";
    int of_each = !all && is_of_each(u) && strchr(l->stage->sites.items[u->sites[0] - 1].path, '.');
    char *layers = of_each ? tfx_strdup("each parameter") : tfx_unit_layers(l, u);
    char *result = of_each ? tfx_strdup("a number") : result_text(u);
    if (u->flops + u->recomputed > 0)
        tfx_format_count(flops, u->flops + u->recomputed);
    if (u->arena_bytes)
        tfx_format_bytes(bytes, (double)u->arena_bytes);
    if (u->kept_bytes)
        tfx_format_bytes(kept, (double)u->kept_bytes);
    char *text = tfx_printf("%s\t%s\t%s\t%s\t%s\t%s\n", layers, u->ops, result, flops, bytes, kept);
    free(layers);
    free(result);
    return text;
}

/* Units of one block that are alike in all that is shown are rows of their own: each is followed by how many there were before. */
static char *numbered(char *const *texts, uint32_t at)
{
    uint32_t before = 0;
    const char *rest;
    for (uint32_t i = 0; i < at && block_of(texts[at], &rest) >= 0; i++)
        before += texts[i] && !strcmp(texts[i], texts[at]);
    return tfx_printf("%s%u", texts[at], before);
}

void tfx_units_fold(const tfx_unit_list *l, tfx_unit_pass pass, int all, tfx_block_rows *rows)
{
    char **texts = TFX_NEW_ARRAY(char *, l->n);
    uint32_t *unit = TFX_NEW_ARRAY(uint32_t, l->n), n = 0;
    *rows = (tfx_block_rows){0};
    for (uint32_t i = 0; i < l->n; i++) {
        if (pass != TFX_N_PASSES && l->items[i].pass != pass)
            continue;
        unit[n] = i;
        texts[n] = unit_text(l, &l->items[i], all);
        n++;
    }
    for (uint32_t i = 0; i < n; i++)
        (all ? tfx_block_rows_add_as_is : tfx_block_rows_add)(rows, all ? tfx_strdup(texts[i]) : numbered(texts, i));
    if (!all)
        tfx_block_rows_group(rows, l->stage->model->n_blocks);
    for (uint32_t i = 0; i < rows->n; i++)
        for (uint32_t k = 0; k < rows->items[i].n; k++)
            rows->items[i].of[k] = unit[rows->items[i].of[k]];
    for (uint32_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
    free(unit);
}

/* ---- the table ---- */

enum { LAYERS, OPS, RESULT, FLOPS, BYTES, KEPT, N_CELLS };

/* A cell that is longer is not waited for by the others, but pushes what follows it in its own row. */
static const size_t most_width[N_CELLS] = {46, 72, 28, 12, 12, 12};

typedef struct table {
    char **cells; /* [n_rows * N_CELLS]: borrowed from the rows */
    int width[N_CELLS];
} table;

/* Cuts the row's text into its cells. */
static void cut(char *text, char **cells)
{
    for (int c = 0; c < N_CELLS; c++) {
        char *end = strpbrk(text, "\t\n");
        *end = '\0';
        cells[c] = text;
        text = end + 1;
    }
}

static double flops_of(const tfx_unit_list *l, const tfx_block_row *row)
{
    double sum = 0;
    for (uint32_t i = 0; i < row->n; i++)
        sum += l->items[row->of[i]].flops + l->items[row->of[i]].recomputed;
    return sum;
}

static void share_text(char *buf, size_t size, double part, double whole)
{
    if (part > 0)
        snprintf(buf, size, "%.1f%%", 100 * part / whole);
    else
        *buf = '\0';
}

static void print_line(const int *w, const char *unit, const char *times, char *const *cells, const char *share,
                       FILE *out)
{
    char *line = tfx_printf("%6s %-5s %-*s  %-*s  %-*s %*s %6s %*s %*s", unit, times, w[LAYERS], cells[LAYERS], w[OPS],
                            cells[OPS], w[RESULT], cells[RESULT], w[FLOPS], cells[FLOPS], share, w[BYTES], cells[BYTES],
                            w[KEPT], cells[KEPT]);
    size_t n = strlen(line);
    while (n && line[n - 1] == ' ')
        n--;
    fprintf(out, "%.*s\n", (int)n, line);
    free(line);
}

static void print_row(const tfx_unit_list *l, const table *t, const tfx_block_row *row, char *const *cells,
                      double whole, FILE *out)
{
    char unit[16], times[16] = "", share[16];
    snprintf(unit, sizeof(unit), "%" PRIu32, row->of[0]);
    if (row->n > 1)
        snprintf(times, sizeof(times), "x%" PRIu32, row->n);
    share_text(share, sizeof(share), flops_of(l, row), whole);
    print_line(t->width, unit, times, cells, share, out);
}

/* What a pass comes to: in the same columns as its rows. */
static void print_sum(const tfx_unit_list *l, const table *t, const tfx_block_rows *rows, const char *pass,
                      double whole, FILE *out)
{
    char flops[32] = "", share[16], kept[32] = "";
    double sum = 0, bytes = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows->n; i++) {
        sum += flops_of(l, &rows->items[i]);
        n += rows->items[i].n;
        for (uint32_t k = 0; k < rows->items[i].n; k++)
            bytes += (double)l->items[rows->items[i].of[k]].kept_bytes;
    }
    char *head = tfx_printf("%s: %" PRIu32 " unit%s", pass, n, n == 1 ? "" : "s");
    char *const cells[N_CELLS] = {head, "",
                                  "",   sum > 0 ? tfx_format_count(flops, sum) : flops,
                                  "",   bytes > 0 ? tfx_format_bytes(kept, bytes) : kept};
    share_text(share, sizeof(share), sum, whole);
    fputc('\n', out);
    print_line(t->width, "", "", cells, share, out);
    free(head);
}

/* ---- around it ---- */

static void print_head(const tfx_unit_list *l, FILE *out)
{
    const tfx_stage_plan *s = l->stage;
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < l->n; i++)
        nodes += l->items[i].step->n_nodes;
    fprintf(out,
            "model %s, stage %" PRIu32 ": program %s, of %" PRId64 " rows of %" PRId64 " tokens, has %" PRIu32
            " ops in %" PRIu32 " units\n",
            s->model->name, s->index, tfx_program_name(l->kind), l->kind == TFX_PROGRAM_EVAL ? s->rows : s->micro_batch,
            s->context, nodes, l->n);
}

static void print_foot(const tfx_unit_list *l, FILE *out)
{
    char a[32], b[32], c[32], d[32];
    const tfx_stage_plan *s = l->stage;
    const tfx_placement *p = l->placement;
    fprintf(out, "\nFLOPs: %s", tfx_format_count(a, p->cost.flops));
    if (p->cost.recomputed > 0)
        fprintf(out, ", and %s of recomputation", tfx_format_count(b, p->cost.recomputed));
    fprintf(out,
            "; a token of training takes %s. FLOPs and bytes of a row are those of one unit, its share is that of all "
            "xN.\n",
            tfx_format_count(c, s->flops_per_token));
    if (l->n)
        fprintf(out,
                "memory: results share an arena of %s, of which unit %" PRIu32
                " has most taken, %s; kept: for the backward pass, when the forward pass is done.\n",
                tfx_format_bytes(a, (double)p->program.arena_bytes), l->peak,
                tfx_format_bytes(b, (double)l->items[l->peak].live));
    fprintf(out, "peak of the stage: state %s + arena %s + workspace %s = %s; %s parameters.\n",
            tfx_format_bytes(a, (double)s->state.bytes), tfx_format_bytes(b, (double)s->arena_bytes),
            tfx_format_bytes(c, (double)s->workspace_bytes), tfx_format_bytes(d, (double)tfx_stage_peak_bytes(s)),
            tfx_format_count((char[32]){0}, (double)s->n_params));
}

static int width_of(const char *text, int cell)
{
    size_t n = strlen(text);
    return (int)(n <= most_width[cell] ? n : 0);
}

void tfx_units_print(const tfx_unit_list *l, int all, FILE *out)
{
    static char *const titles[N_CELLS] = {"layer", "ops", "result", "FLOPs", "bytes", "kept"};
    tfx_block_rows passes[TFX_N_PASSES];
    char **cells[TFX_N_PASSES];
    table t = {0};
    double whole = l->placement->cost.flops + l->placement->cost.recomputed;
    for (int c = 0; c < N_CELLS; c++)
        t.width[c] = width_of(titles[c], c);
    for (int p = 0; p < TFX_N_PASSES; p++) {
        tfx_units_fold(l, p, all, &passes[p]);
        cells[p] = TFX_NEW_ARRAY(char *, passes[p].n *N_CELLS);
        for (uint32_t i = 0; i < passes[p].n; i++) {
            cut(passes[p].items[i].text, &cells[p][i * N_CELLS]);
            for (int c = 0; c < N_CELLS; c++)
                t.width[c] = width_of(cells[p][i * N_CELLS + c], c) > t.width[c]
                                 ? width_of(cells[p][i * N_CELLS + c], c)
                                 : t.width[c];
        }
    }
    print_head(l, out);
    fputc('\n', out);
    print_line(t.width, "unit", "", titles, "", out);
    for (int p = 0; p < TFX_N_PASSES; p++) {
        if (passes[p].n)
            print_sum(l, &t, &passes[p], tfx_unit_pass_names[p], whole, out);
        for (uint32_t i = 0; i < passes[p].n; i++)
            print_row(l, &t, &passes[p].items[i], &cells[p][i * N_CELLS], whole, out);
        free(cells[p]);
        tfx_block_rows_finish(&passes[p]);
    }
    print_foot(l, out);
}
