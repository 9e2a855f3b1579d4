/* What is drawn is a block of lines that begins at the left edge; the cursor stays at the end of its last line. It is
 * replaced by moving the cursor to its beginning and erasing from there to the end of the screen, in one write. */
#include "framework/train/display.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/clock.h"
#include "framework/base/memory.h"
#include "framework/base/terminal.h"
#include "framework/train/bar_line.h"
#include "framework/train/pace.h"

#define TERMINAL_INTERVAL 0.2
#define PIPED_INTERVAL 10.0

typedef struct shown_run {
    char label[128]; /* "tokenformer seed 1" */
    tfx_shown_state state;
    tfx_run_progress at;
    int heard; /* from its process, since it was started */
    tfx_pace pace;
    double printed; /* when, as a plain line */
} shown_run;

struct tfx_display {
    shown_run *runs;
    size_t n;
    tfx_pace pace; /* of all of them, in FLOPs */
    int live;
    tfx_bar_style style;
    double drawn;     /* when */
    size_t *columns;  /* of each line of the block that is on the screen, [n_columns] */
    size_t n_columns; /* 0: none is */
};

tfx_display *tfx_display_create(size_t n)
{
    tfx_display *d = TFX_NEW(tfx_display);
    d->runs = TFX_NEW_ARRAY(shown_run, n);
    d->columns = TFX_NEW_ARRAY(size_t, n + 1);
    d->n = n;
    d->live = tfx_terminal_is_live();
    d->style = (tfx_bar_style){.unicode = tfx_terminal_has_unicode(), .colour = tfx_terminal_has_colour()};
    return d;
}

void tfx_display_destroy(tfx_display *d)
{
    if (!d)
        return;
    tfx_display_clear(d);
    free(d->runs);
    free(d->columns);
    free(d);
}

void tfx_display_plan(tfx_display *d, size_t run, const char *label, double flops, double total_flops)
{
    shown_run *r = &d->runs[run];
    snprintf(r->label, sizeof(r->label), "%s", label);
    r->at = (tfx_run_progress){.flops = flops, .total_flops = total_flops, .evaluated = -1};
}

/* ---- what is said ---- */

static double time_left(const shown_run *r)
{
    return tfx_pace_time(&r->pace, r->at.total_flops - r->at.flops);
}

/* Of all runs. */
typedef struct summary {
    size_t ended, failed;
    double flops, total_flops;
    double seconds; /* left */
} summary;

static summary summarise(const tfx_display *d)
{
    summary s = {0};
    for (size_t i = 0; i < d->n; i++) {
        const shown_run *r = &d->runs[i];
        s.ended += r->state == TFX_SHOWN_DONE;
        s.failed += r->state == TFX_SHOWN_FAILED;
        s.flops += r->at.flops;
        s.total_flops += r->at.total_flops;
    }
    s.seconds = tfx_pace_time(&d->pace, s.total_flops - s.flops);
    return s;
}

/* "3/8 runs, 1 failed" */
static void format_ended(char *buf, size_t size, const tfx_display *d, const summary *s)
{
    char failed[32] = "";
    if (s->failed)
        snprintf(failed, sizeof(failed), ", %zu failed", s->failed);
    snprintf(buf, size, "%zu/%zu runs%s", s->ended, d->n, failed);
}

/* "1.20P/3.40P FLOPs" */
static void format_cost(char *buf, size_t size, const summary *s)
{
    char a[32], b[32];
    snprintf(buf, size, "%s/%s FLOPs", tfx_format_count(a, s->flops), tfx_format_count(b, s->total_flops));
}

/* ---- plain lines ---- */

static void print_plain(shown_run *r)
{
    char rate[32], eta[32];
    const tfx_run_progress *at = &r->at;
    r->printed = tfx_now();
    if (at->evaluated >= 0)
        fprintf(stderr, "%s  evaluating  %.0f%%  ETA %s\n", r->label, 100 * at->evaluated,
                tfx_format_seconds(eta, at->evaluation_left));
    else
        fprintf(stderr, "%s  step %" PRId64 "/%" PRId64 "  %s tokens/s  loss %.4f  ETA %s\n", r->label, at->step,
                at->total_steps, tfx_format_count(rate, at->tokens_per_second), at->loss,
                tfx_format_seconds(eta, time_left(r)));
}

static void print_summary(const tfx_display *d)
{
    char ended[64], cost[80], eta[32];
    const summary s = summarise(d);
    format_ended(ended, sizeof(ended), d, &s);
    format_cost(cost, sizeof(cost), &s);
    fprintf(stderr, "%s  %s  ETA %s\n", ended, cost, tfx_format_seconds(eta, s.seconds));
}

/* ---- the block ---- */

/* The cursor's way to the beginning of the block. A terminal that has become narrower has wrapped its lines. */
static void add_erase(tfx_text *out, const tfx_display *d, size_t width)
{
    size_t rows = 0;
    for (size_t i = 0; i < d->n_columns; i++)
        rows += d->columns[i] ? (d->columns[i] + width - 1) / width : 1;
    if (rows > 1)
        tfx_text_add(out, "\033[%zuA", rows - 1);
    if (rows)
        tfx_text_add(out, "\r\033[J");
}

static void add_run(tfx_text *out, const tfx_display *d, const shown_run *r, size_t label_width, size_t width)
{
    char step[64], stage[64], speed[64], loss[32], eta[48], n[32];
    const tfx_run_progress *at = &r->at;
    int has_steps = at->total_steps > 0; /* a mere evaluation has none */
    tfx_bar_line line = {.label = r->label, .label_width = label_width, .share = -1};
    if (!r->heard) {
        line.texts[0].text = "starts";
        tfx_bar_line_add(out, &line, width, &d->style);
        return;
    }
    /* As wide now as later: bars would change their lengths with the numbers. */
    int digits = snprintf(step, sizeof(step), "%" PRId64, at->total_steps);
    snprintf(step, sizeof(step), "%*" PRId64 "/%" PRId64, digits, at->step, at->total_steps);
    snprintf(stage, sizeof(stage), "stage %" PRId64 " of %" PRId64, at->stage + 1, at->n_stages);
    snprintf(speed, sizeof(speed), "%5s tokens/s", tfx_format_count(n, at->tokens_per_second));
    snprintf(loss, sizeof(loss), "loss %.4f", at->loss);
    snprintf(eta, sizeof(eta), "ETA %6s", tfx_format_seconds(n, has_steps ? time_left(r) : at->evaluation_left));
    if (at->evaluated >= 0)
        snprintf(speed, sizeof(speed), "evaluating %.0f%%", 100 * at->evaluated);
    line.share = has_steps ? at->flops / at->total_flops : at->evaluated;
    line.texts[0].text = has_steps ? step : NULL;
    line.texts[0].rank = 1;
    line.texts[1].text = has_steps && at->n_stages > 1 ? stage : NULL;
    line.texts[1].rank = 4;
    line.texts[2].text = at->evaluated >= 0 || at->tokens_per_second > 0 ? speed : NULL;
    line.texts[2].rank = at->evaluated >= 0 ? 0 : 3;
    line.texts[3].text = at->tokens_per_second > 0 ? loss : NULL;
    line.texts[3].rank = 2;
    line.texts[4].text = eta;
    tfx_bar_line_add(out, &line, width, &d->style);
}

static void add_summary(tfx_text *out, const tfx_display *d, size_t n_hidden, size_t label_width, size_t width)
{
    char ended[64], cost[80], eta[48], hidden[48], n[32];
    const summary s = summarise(d);
    format_ended(ended, sizeof(ended), d, &s);
    format_cost(cost, sizeof(cost), &s);
    snprintf(eta, sizeof(eta), "ETA %6s", tfx_format_seconds(n, s.seconds));
    snprintf(hidden, sizeof(hidden), "and %zu more", n_hidden);
    const tfx_bar_line line = {.label = ended,
                               .label_width = label_width,
                               .share = s.total_flops > 0 ? s.flops / s.total_flops : -1,
                               .texts = {{cost, 1}, {n_hidden ? hidden : NULL, 2}, {eta, 0}}};
    tfx_bar_line_add(out, &line, width, &d->style);
}

/* How many columns a line takes: its characters but for what sets colours. */
static size_t columns_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        if (*s == '\033')
            s += strcspn(s, "m");
        else
            n += ((unsigned char)*s & 0xC0) != 0x80; /* not within a character of UTF-8 */
    return n;
}

/* Closes a line of the block that begins at `from`. */
static void end_line(tfx_display *d, tfx_text *out, size_t from)
{
    d->columns[d->n_columns++] = columns_of(out->s + from);
}

static void add_block(tfx_text *out, tfx_display *d, size_t width, size_t rows)
{
    size_t running = 0, longest = 0, shown = 0, fit = rows > 2 ? rows - 2 : 1; /* beside the last line, and one above */
    char ended[64];
    const summary s = summarise(d);
    format_ended(ended, sizeof(ended), d, &s);
    longest = d->n > 1 ? strlen(ended) : 0;
    for (size_t i = 0; i < d->n; i++)
        if (d->runs[i].state == TFX_SHOWN_RUNNING && running++ < fit && strlen(d->runs[i].label) > longest)
            longest = strlen(d->runs[i].label);
    size_t label_width = tfx_bar_label_width(longest, width);
    d->n_columns = 0;
    for (size_t i = 0; i < d->n && shown < fit; i++) {
        if (d->runs[i].state != TFX_SHOWN_RUNNING)
            continue;
        if (shown++)
            tfx_text_add(out, "\n");
        size_t from = out->n;
        add_run(out, d, &d->runs[i], label_width, width);
        end_line(d, out, from);
    }
    if (d->n > 1 && running) {
        tfx_text_add(out, "\n");
        size_t from = out->n;
        add_summary(out, d, running - shown, label_width, width);
        end_line(d, out, from);
    }
}

static void redraw(tfx_display *d, const char *lines, size_t n)
{
    int columns, rows;
    tfx_text out = {0};
    tfx_terminal_size(&columns, &rows);
    add_erase(&out, d, (size_t)columns);
    tfx_text_add(&out, "%.*s", (int)n, lines);
    add_block(&out, d, columns > 1 ? (size_t)columns - 1 : 1, (size_t)rows); /* the last column makes some wrap */
    if (out.n)
        fputs(out.s, stderr);
    fflush(stderr);
    tfx_text_free(&out);
    d->drawn = tfx_now();
}

void tfx_display_clear(tfx_display *d)
{
    int columns, rows;
    tfx_text out = {0};
    tfx_terminal_size(&columns, &rows);
    add_erase(&out, d, (size_t)columns);
    if (out.n)
        fputs(out.s, stderr);
    fflush(stderr);
    tfx_text_free(&out);
    d->n_columns = 0;
    d->drawn = 0;
}

void tfx_display_draw(tfx_display *d)
{
    if (d->live && tfx_now() - d->drawn >= TERMINAL_INTERVAL)
        redraw(d, "", 0);
}

void tfx_display_print(tfx_display *d, const char *lines, size_t n)
{
    if (d->live)
        redraw(d, lines, n);
    else
        fwrite(lines, 1, n, stderr);
}

/* ---- what happens ---- */

void tfx_display_state(tfx_display *d, size_t run, tfx_shown_state state)
{
    shown_run *r = &d->runs[run];
    int ends = r->state == TFX_SHOWN_RUNNING && state != TFX_SHOWN_RUNNING;
    r->state = state;
    r->heard = 0;
    r->pace = (tfx_pace){0};
    r->printed = tfx_now();
    if (state == TFX_SHOWN_DONE || state == TFX_SHOWN_FAILED)
        r->at.total_flops = r->at.flops; /* nothing more comes */
    const summary s = summarise(d);
    if (ends && !d->live && s.ended + s.failed < d->n)
        print_summary(d);
}

void tfx_display_update(tfx_display *d, size_t run, const tfx_run_progress *at)
{
    shown_run *r = &d->runs[run];
    double now = tfx_now(), more = r->heard && at->flops > r->at.flops ? at->flops - r->at.flops : 0;
    int ends = at->step == at->total_steps && at->step > r->at.step && r->heard;
    r->at = *at;
    r->heard = 1;
    tfx_pace_add(&r->pace, now, more);
    tfx_pace_add(&d->pace, now, more);
    if (!d->live && (ends || now - r->printed >= PIPED_INTERVAL))
        print_plain(r);
}
