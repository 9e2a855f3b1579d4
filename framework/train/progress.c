#include "framework/train/progress.h"

#include <unistd.h>

#include "framework/base/clock.h"

/* Steps of small models take less than a millisecond. */
#define INTERVAL 0.1
#define SHORT_EVALUATION 3.0

/* What finds no room is dropped: the next one says more. */
static void tell(tfx_progress *p)
{
    const tfx_run_progress record = p->at;
    p->told = tfx_now();
    if (p->display) {
        tfx_display_update(p->display, 0, &p->at);
        tfx_display_draw(p->display);
    } else if (write(p->fd, &record, sizeof(record)) < 0) {
        p->told = 0;
    }
}

void tfx_progress_begin(tfx_progress *p, int fd, const char *label, const tfx_run_progress *at)
{
    *p = (tfx_progress){.fd = fd, .at = *at};
    p->at.evaluated = -1;
    if (fd < 0) {
        p->display = tfx_display_create(1);
        tfx_display_plan(p->display, 0, label, at->flops, at->total_flops);
        tfx_display_state(p->display, 0, TFX_SHOWN_RUNNING);
    }
    if (at->total_steps)
        tell(p);
}

void tfx_progress_step(tfx_progress *p, const tfx_run_progress *at)
{
    int evaluated = p->at.evaluated >= 0, enters = at->stage != p->at.stage;
    p->at = *at;
    p->at.evaluated = -1;
    if (evaluated || enters || at->step == at->total_steps || tfx_now() - p->told >= INTERVAL)
        tell(p);
}

void tfx_progress_evaluation(tfx_progress *p, double started, double share)
{
    double now = tfx_now(), passed = now - started;
    if (passed < SHORT_EVALUATION || now - p->told < INTERVAL)
        return;
    p->at.evaluated = share;
    p->at.evaluation_left = share > 0 ? passed / share - passed : -1;
    tell(p);
}

void tfx_progress_end(tfx_progress *p)
{
    tfx_display_destroy(p->display);
    p->display = NULL;
}
