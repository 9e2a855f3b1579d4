/* plateau: grows a model when training it on gains little.
 *
 * As in staged training (Shen et al. 2022, arXiv 2203.06211, section 4), what it looks at is how much the loss falls with
 * the logarithm of the compute spent, -d loss / d ln FLOPs: a curve that a larger model would go on falling along
 * has become flat. The slope is that of a straight line through the losses so far, by least squares, in which a
 * loss counts half as much every `half_life` observations. Growth follows when it has been below `slope` at
 * `patience` observations in a row. A stage has `min_steps` at least, and at most what `max_steps` or, for the first,
 * train.steps says. Every model begins with no observations. */
#define TFX_NEEDS_MINOR 1
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "chain.h"

static const char *const losses[] = {"train", "val", NULL};

static const tfx_option options[] = {
    CHAIN_OPTIONS,
    TFX_OPTION("max_steps", TFX_OPT_INT_LIST, NULL, 1, 1e12, NULL,
               "steps to train each of them: the last as many, others at most; stage 0 at most train.steps"),
    TFX_OPTION("min_steps", TFX_OPT_INT, "0", 0, 1e12, NULL, "steps that a stage has at least before growth"),
    TFX_OPTION(
        "loss", TFX_OPT_CHOICE, "train", 0, 0, losses,
        "what is observed: the loss of every step, or that of every evaluation (train.eval_every must not be 0)"),
    TFX_OPTION("slope", TFX_OPT_REAL, "0.1", 0, 1e6, NULL,
               "grow when the loss falls by less than this while the FLOPs of the run grow by a factor e"),
    TFX_OPTION("half_life", TFX_OPT_REAL, "100", 0.1, 1e12, NULL,
               "observations after which a loss counts half as much; twice as many must have been made"),
    TFX_OPTION("patience", TFX_OPT_INT, "10", 1, 1e12, NULL, "observations in a row with a slope below the limit"),
};

/* The line through the observations of a stage, as means and weighted sums of products of deviations, which
 * loses no digits to x being large beside its changes (West 1979, "Updating mean and variance estimates"). */
typedef struct line {
    uint32_t stage;
    int64_t n;                   /* observations */
    int64_t below;               /* of them, the last ones in a row with a slope below the limit */
    double weight, x, y, xx, xy; /* x = ln FLOPs, y = loss */
} line;

struct tfx_scaling {
    chain chain;              /* first */
    const int64_t *max_steps; /* for each model */
    int64_t min_steps, patience;
    double limit, half_life;
    int val;
    line line;
    char text[256]; /* of `save` */
};

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    tfx_scaling s = {.line = {0}};
    size_t n;
    tfx_status status = chain_create(&s.chain, h, o);
    if (status != TFX_OK)
        return status;
    s.max_steps = h->opt_int_list(h, o, "max_steps", &n);
    s.min_steps = h->opt_int(h, o, "min_steps");
    s.patience = h->opt_int(h, o, "patience");
    s.limit = h->opt_real(h, o, "slope");
    s.half_life = h->opt_real(h, o, "half_life");
    s.val = !strcmp(h->opt_string(h, o, "loss"), "val");
    if (n != s.chain.n_models)
        return h->fail(h, TFX_E_INVALID, "max_steps: expected one entry for each of the %zu models; found %zu",
                       s.chain.n_models, n);
    for (size_t i = 0; i + 1 < n; i++)
        if (s.max_steps[i] < s.min_steps)
            return h->fail(h, TFX_E_INVALID,
                           "min_steps: expected at most the max_steps of every stage, %" PRId64
                           " of '%s'; found %" PRId64,
                           s.max_steps[i], s.chain.models[i], s.min_steps);
    *out = malloc(sizeof(s));
    if (!*out)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    **out = s;
    return TFX_OK;
}

static tfx_status stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    chain_stage(&s->chain, index, out);
    out->steps = index ? s->max_steps[index - 1] : 0;
    return TFX_OK;
}

static void observe(line *l, double x, double y, double half_life)
{
    double fade = exp2(-1 / half_life), dx = x - l->x, dy = y - l->y;
    l->n++;
    l->weight = fade * l->weight + 1;
    l->x += dx / l->weight;
    l->y += dy / l->weight;
    l->xx = fade * l->xx + dx * (x - l->x);
    l->xy = fade * l->xy + dx * (y - l->y);
}

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    line *l = &s->line;
    double loss = s->val ? signals->val_loss : signals->train_loss;
    if (l->stage != signals->stage)
        *l = (line){.stage = signals->stage};
    if ((s->val && signals->val_step != signals->step) || !isfinite(loss))
        return 0; /* nothing new */
    observe(l, log(signals->flops), loss, s->half_life);
    int known = (double)l->n >= 2 * s->half_life && l->xx > 0;
    l->below = known && -l->xy / l->xx < s->limit ? l->below + 1 : 0;
    return l->below >= s->patience && signals->stage_step >= s->min_steps;
}

static const char *save(tfx_scaling *s)
{
    const line *l = &s->line;
    snprintf(s->text, sizeof(s->text), "%" PRIu32 " %" PRId64 " %" PRId64 " %a %a %a %a %a", l->stage, l->n, l->below,
             l->weight, l->x, l->y, l->xx, l->xy);
    return s->text;
}

static tfx_status load(tfx_scaling *s, const char *text)
{
    line l;
    int end = 0;
    sscanf(text, "%" SCNu32 " %" SCNd64 " %" SCNd64 " %la %la %la %la %la%n", &l.stage, &l.n, &l.below, &l.weight, &l.x,
           &l.y, &l.xx, &l.xy, &end);
    if (!end || text[end])
        return s->chain.host->fail(s->chain.host, TFX_E_DATA,
                                   "the checkpoint's policy state is not one of plateau: \"%.100s\"", text);
    s->line = l;
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
};

TFX_PLUGIN("plateau", "1.0.0", "growth when the loss has become flat", TFX_KIND_SCALING, &scaling);
