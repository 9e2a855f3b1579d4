#include "framework/train/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "framework/base/clock.h"
#include "framework/base/text.h"

#define TERMINAL_INTERVAL 0.2
#define PIPED_INTERVAL 10.0
#define SHORT_EVALUATION 3.0

void tfx_progress_begin(tfx_progress *p, const char *label, int64_t first_step, int64_t total_steps)
{
    *p = (tfx_progress){.terminal = isatty(STDERR_FILENO), .total_steps = total_steps, .first_step = first_step};
    snprintf(p->label, sizeof(p->label), "%s", label);
    p->started = p->drawn = tfx_now();
}

void tfx_progress_step(tfx_progress *p, int64_t step, double tokens_per_second, double loss)
{
    double now = tfx_now();
    if (now - p->drawn < (p->terminal ? TERMINAL_INTERVAL : PIPED_INTERVAL) && step < p->total_steps)
        return;
    char rate[32], eta[32];
    int64_t done = step - p->first_step;
    double left = done > 0 ? (now - p->started) / (double)done * (double)(p->total_steps - step) : -1;
    fprintf(stderr, "%s%s  step %" PRId64 "/%" PRId64 "  %s tokens/s  loss %.4f  ETA %s%s", p->terminal ? "\r" : "",
            p->label, step, p->total_steps, tfx_format_count(rate, tokens_per_second), loss,
            tfx_format_seconds(eta, left), p->terminal ? "\033[K" : "\n");
    fflush(stderr);
    p->drawn = now;
    p->drawn_any = 1;
}

void tfx_progress_evaluation(tfx_progress *p, double started, double share)
{
    double now = tfx_now(), passed = now - started;
    char eta[32];
    if (passed < SHORT_EVALUATION || now - p->drawn < (p->terminal ? TERMINAL_INTERVAL : PIPED_INTERVAL))
        return;
    fprintf(stderr, "%s%s  evaluating  %.0f%%  ETA %s%s", p->terminal ? "\r" : "", p->label, 100 * share,
            tfx_format_seconds(eta, share > 0 ? passed / share - passed : -1), p->terminal ? "\033[K" : "\n");
    fflush(stderr);
    p->drawn = now;
    p->drawn_any = 1;
}

void tfx_progress_end(tfx_progress *p)
{
    if (p->terminal && p->drawn_any)
        fputs("\r\033[K", stderr);
    fflush(stderr);
    p->drawn_any = 0;
}
