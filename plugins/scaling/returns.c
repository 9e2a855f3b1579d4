/* returns: grows a model when a larger one, trained from scratch, would gain more of the same compute.
 *
 * Both are compared at the same loss, as in staged training (Shen et al. 2022, arXiv 2203.06211, section 4): growth that
 * keeps the function takes the present model to a point with that very loss, and the next FLOP is spent on the one
 * curve or on the other. What the larger model has spent up to there is of no account. At the same FLOPs it would
 * be somewhere else on its curve, where growth does not lead.
 *
 * The steepness of either curve is that of the line (watch.h) through its validation losses against FLOPs, not
 * their logarithm, and the loss is the line's value at the newest evaluation, so that both lag behind in the same
 * way. The larger model's curve is that of a finished run of the same database. Of it are kept the places where the
 * line falls below all before, since its steepness at a loss is that where it comes to it first. Where it does not reach, at
 * losses above its first place and below its last one, nothing is decided. */
#define TFX_NEEDS_MINOR 1
#include "watch.h"

static const tfx_option options[] = {
    WATCH_OPTIONS("5", "3"),
    TFX_OPTION(
        "experiment", TFX_OPT_STRING, NULL, 0, 0, NULL,
        "the experiment of this database that the larger models were trained in; its newest one with such a run"),
    TFX_OPTION(
        "arms", TFX_OPT_STRING_LIST, NULL, 0, 0, NULL,
        "for each of the models, the arm that trained it from scratch; a finished run, with this run's seed where "
        "there is one"),
};

typedef struct place {
    double loss, gain; /* the line's value, and how much it falls per FLOP */
} place;

/* Of all curves together, as many as fit into 64 KiB of text. */
#define MOST_PLACES 1000

struct tfx_scaling {
    watch watch; /* first; x = FLOPs */
    const char *experiment;
    const char *const *arms;   /* for each model */
    size_t *first;             /* [n_models + 1] places of the curve for model i: first[i] up to first[i + 1] */
    double gain, larger;       /* at the newest evaluation: of the present model and the larger one */
    char *text;                /* of `save` and `reason` */
    place places[MOST_PLACES]; /* losses fall */
};

#define TEXT_SIZE ((size_t)64 << 10)

static void close_policy(tfx_scaling *s)
{
    if (s) {
        free(s->first);
        free(s->text);
    }
    destroy(s);
}

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    size_t n;
    tfx_scaling *s = calloc(1, sizeof(*s));
    if (!s)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    tfx_status status = watch_create(&s->watch, h, o);
    size_t n_models = s->watch.chain.n_models;
    s->watch.val = 1;
    s->experiment = h->opt_string(h, o, "experiment");
    s->arms = h->opt_string_list(h, o, "arms", &n);
    if (status == TFX_OK && n != n_models)
        status = h->fail(h, TFX_E_INVALID, "arms: expected one for each of the %zu models; found %zu", n_models, n);
    if (status == TFX_OK && n_models > MOST_PLACES / 10)
        status = h->fail(h, TFX_E_INVALID, "models: expected at most %d; found %zu", MOST_PLACES / 10, n_models);
    s->first = calloc(n_models + 1, sizeof(*s->first));
    s->text = malloc(TEXT_SIZE);
    if (status == TFX_OK && (!s->first || !s->text))
        status = h->fail(h, TFX_E_MEMORY, "out of memory");
    if (status != TFX_OK)
        close_policy(s);
    else
        *out = s;
    return status;
}

/* ---- the curves of larger models ---- */

static tfx_status needs_curve(const tfx_scaling *s, uint32_t stage, tfx_curve_request *out)
{
    out->experiment = s->experiment;
    out->arm = s->arms[stage];
    return TFX_OK;
}

/* Where the line through a curve falls below all before. Returns how many places. */
static size_t places_of(const tfx_curve *c, double half_life, place *out)
{
    line l = {0};
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        line_add(&l, c->flops[i], c->loss[i], half_life);
        if (!(l.xx > 0))
            continue;
        place p = {line_value(&l, c->flops[i]), -line_slope(&l)};
        if (!n || p.loss < out[n - 1].loss)
            out[n++] = p;
    }
    return n;
}

static tfx_status take_curve(tfx_scaling *s, uint32_t stage, const tfx_curve *curve)
{
    const tfx_host *h = s->watch.chain.host;
    size_t most = MOST_PLACES / s->watch.chain.n_models, at = s->first[stage];
    place *all = malloc(curve->n * sizeof(*all));
    if (!all)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    size_t n = places_of(curve, s->watch.half_life, all), kept = n < most ? n : most;
    for (size_t i = 0; i < kept; i++) /* the first, the last, and evenly between */
        s->places[at + i] = all[n <= most ? i : i * (n - 1) / (most - 1)];
    for (size_t k = stage + 1; k <= s->watch.chain.n_models; k++)
        s->first[k] = at + kept;
    free(all);
    return TFX_OK;
}

/* What the larger model gains per FLOP at a loss; NaN: its curve does not reach there. */
static double gain_at(const tfx_scaling *s, uint32_t stage, double loss)
{
    const place *p = s->places + s->first[stage], *end = s->places + s->first[stage + 1];
    if (p == end || loss > p->loss)
        return (double)NAN;
    while (p < end && p->loss > loss)
        p++;
    return p < end ? p->gain : (double)NAN;
}

/* ---- decisions ---- */

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    watch *w = &s->watch;
    double loss = watch_loss(w, signals);
    if (!isfinite(loss))
        return 0;
    line_add(&w->line, signals->flops, loss, w->half_life);
    s->gain = s->larger = (double)NAN;
    if (watch_knows(w)) {
        s->gain = -line_slope(&w->line);
        s->larger = gain_at(s, w->stage, line_value(&w->line, signals->flops));
    }
    return watch_decide(w, s->gain < s->larger, signals);
}

static const char *reason(tfx_scaling *s)
{
    snprintf(s->text, TEXT_SIZE,
             "the validation loss falls by %.4g per FLOP, and that of arm %.100s of %.100s fell by %.4g where it was "
             "as high; so at %" PRId64 " evaluations in a row",
             s->gain, s->arms[s->watch.stage], s->experiment, s->larger, s->watch.in_a_row);
    return s->text;
}

static const char *save(tfx_scaling *s)
{
    const watch *w = &s->watch;
    size_t n_models = w->chain.n_models;
    char *t = s->text, *end = t + TEXT_SIZE;
    t += snprintf(t, (size_t)(end - t), "%" PRIu32 " %" PRId64 " %" PRId64 " %a %a %a %a %a %a %a", w->stage, w->line.n,
                  w->in_a_row, w->line.weight, w->line.x, w->line.y, w->line.xx, w->line.xy, s->gain, s->larger);
    for (size_t i = 1; i <= n_models; i++)
        t += snprintf(t, (size_t)(end - t), " %zu", s->first[i]);
    for (size_t i = 0; i < s->first[n_models]; i++)
        t += snprintf(t, (size_t)(end - t), " %a %a", s->places[i].loss, s->places[i].gain);
    return s->text;
}

static tfx_status load(tfx_scaling *s, const char *text)
{
    watch w = s->watch;
    line *l = &w.line;
    const char *t = text;
    int end = 0, good;
    sscanf(t, "%" SCNu32 " %" SCNd64 " %" SCNd64 " %la %la %la %la %la %la %la%n", &w.stage, &l->n, &w.in_a_row,
           &l->weight, &l->x, &l->y, &l->xx, &l->xy, &s->gain, &s->larger, &end);
    good = end > 0 && w.stage <= w.chain.n_models;
    for (size_t i = 1; i <= w.chain.n_models && good; i++) {
        t += end;
        end = 0;
        sscanf(t, " %zu%n", &s->first[i], &end);
        good = end && s->first[i] >= s->first[i - 1] && s->first[i] <= MOST_PLACES;
    }
    for (size_t i = 0; good && i < s->first[w.chain.n_models]; i++) {
        t += end;
        end = 0;
        sscanf(t, " %la %la%n", &s->places[i].loss, &s->places[i].gain, &end);
        good = end;
    }
    if (!good || t[end])
        return w.chain.host->fail(w.chain.host, TFX_E_DATA,
                                  "the checkpoint's policy state is not one of returns: \"%.100s\"", text);
    s->watch = w;
    return TFX_OK;
}

static const tfx_scaling_class scaling = {
    sizeof(tfx_scaling_class),
    "returns",
    "grows when a larger model would gain more per FLOP, by the curve of a run in the database",
    options,
    sizeof(options) / sizeof(*options),
    create,
    close_policy,
    n_stages,
    stage,
    should_grow,
    NULL,
    check,
    save,
    load,
    check_stage,
    reason,
    needs_curve,
    take_curve,
};

TFX_PLUGIN("returns", "1.0.0", "growth when a larger model gains more", TFX_KIND_SCALING, &scaling);
