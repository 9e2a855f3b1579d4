/* plateau: grows a model when training it on gains little.
 *
 * As in staged training (Shen et al. 2022, arXiv 2203.06211, section 4), what it looks at is how much the loss falls with
 * the logarithm of the compute spent, -d loss / d ln FLOPs: a curve that a larger model would go on falling along
 * has become flat. Growth follows when the slope of the line (watch.h) has been below `slope` at `patience`
 * observations in a row. */
#define TFX_NEEDS_MINOR 1
#include "watch.h"

static const char *const losses[] = {"train", "val", NULL};

static const tfx_option options[] = {
    WATCH_OPTIONS("100", "10"),
    TFX_OPTION(
        "loss", TFX_OPT_CHOICE, "train", 0, 0, losses,
        "what is observed: the loss of every step, or that of every evaluation (train.eval_every must not be 0)"),
    TFX_OPTION("slope", TFX_OPT_REAL, "0.1", 0, 1e6, NULL,
               "grow when the loss falls by less than this while the FLOPs of the run grow by a factor e"),
};

struct tfx_scaling {
    watch watch; /* first; x = ln FLOPs */
    double limit;
    char text[256]; /* of `save` and `reason` */
};

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    tfx_scaling s = {.text = ""};
    tfx_status status = watch_create(&s.watch, h, o);
    if (status != TFX_OK)
        return status;
    s.limit = h->opt_real(h, o, "slope");
    s.watch.val = !strcmp(h->opt_string(h, o, "loss"), "val");
    *out = malloc(sizeof(s));
    if (!*out)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    **out = s;
    return TFX_OK;
}

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    watch *w = &s->watch;
    double loss = watch_loss(w, signals);
    if (!isfinite(loss))
        return 0;
    line_add(&w->line, log(signals->flops), loss, w->half_life);
    return watch_decide(w, watch_knows(w) && -line_slope(&w->line) < s->limit, signals);
}

static const char *reason(tfx_scaling *s)
{
    snprintf(s->text, sizeof(s->text),
             "the %s loss falls by %.4g per factor e of FLOPs, below %.4g at %" PRId64 " observations in a row",
             s->watch.val ? "validation" : "training", -line_slope(&s->watch.line), s->limit, s->watch.in_a_row);
    return s->text;
}

static const char *save(tfx_scaling *s)
{
    const watch *w = &s->watch;
    snprintf(s->text, sizeof(s->text), "%" PRIu32 " %" PRId64 " %" PRId64 " %a %a %a %a %a", w->stage, w->line.n,
             w->in_a_row, w->line.weight, w->line.x, w->line.y, w->line.xx, w->line.xy);
    return s->text;
}

static tfx_status load(tfx_scaling *s, const char *text)
{
    watch w = s->watch;
    line *l = &w.line;
    int end = 0;
    sscanf(text, "%" SCNu32 " %" SCNd64 " %" SCNd64 " %la %la %la %la %la%n", &w.stage, &l->n, &w.in_a_row, &l->weight,
           &l->x, &l->y, &l->xx, &l->xy, &end);
    if (!end || text[end])
        return w.chain.host->fail(w.chain.host, TFX_E_DATA,
                                  "the checkpoint's policy state is not one of plateau: \"%.100s\"", text);
    s->watch = w;
    return TFX_OK;
}

static const tfx_scaling_class scaling = {
    sizeof(tfx_scaling_class),
    "plateau",
    "grows when the loss falls too slowly with the logarithm of compute",
    options,
    sizeof(options) / sizeof(*options),
    create,
    destroy,
    n_stages,
    stage,
    should_grow,
    NULL,
    check,
    save,
    load,
    check_stage,
    reason,
};

TFX_PLUGIN("plateau", "1.0.0", "growth when the loss has become flat", TFX_KIND_SCALING, &scaling);
