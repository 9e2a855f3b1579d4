/* A policy that grows when a loss has been below a limit for some steps and keeps all promises; a test breaks one by redefining
 * a word before it includes this. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "tests/conformance/one_class.h"

#ifndef CREATE
#define CREATE(s)
#endif
#ifndef DESTROY
#define DESTROY(s) free(s)
#endif
#ifndef N_STAGES
#define N_STAGES(s) 3
#endif
#ifndef MODEL
#define MODEL(s, index) ((index) ? (s)->models[(index)-1] : NULL)
#endif
#ifndef STEPS
#define STEPS(index) ((index) ? 100 : 0)
#endif
#ifndef COUNT
#define COUNT(s) (s)->n_below
#endif
#ifndef SAVED
#define SAVED(s) (s)->n_below
#endif
#ifndef LIMIT
#define LIMIT(s) (s)->patience
#endif
#ifndef BAD_TEXT
#define BAD_TEXT(text, end) (!(end) || (text)[end])
#endif
#ifndef MEMBERS
#define MEMBERS
#endif

static const tfx_option options[] = {
    TFX_OPTION("limit", TFX_OPT_REAL, "3.1", 0, 100, NULL, "loss below which it grows"),
    TFX_OPTION("patience", TFX_OPT_INT, "20", 1, 1000, NULL, "steps in a row")};

struct tfx_scaling {
    const tfx_host *host;
    const char *models[2];
    double limit;
    int64_t patience, n_below;
    uint32_t stage;
    char text[100], why[100];
    MEMBERS
};

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    tfx_scaling *s = calloc(1, sizeof(*s));
    if (!s)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    s->host = h;
    s->models[0] = "middle";
    s->models[1] = "large";
    s->limit = h->opt_real(h, o, "limit");
    s->patience = h->opt_int(h, o, "patience");
    CREATE(s);
    *out = s;
    return TFX_OK;
}

static void destroy(tfx_scaling *s)
{
    DESTROY(s);
}

static uint32_t n_stages(const tfx_scaling *s)
{
    (void)s;
    return N_STAGES(s);
}

static tfx_status stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    (void)s;
    out->model = MODEL(s, index);
    out->steps = STEPS(index);
    return TFX_OK;
}

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    if (signals->stage != s->stage) {
        s->stage = signals->stage;
        COUNT(s) = 0;
    }
    COUNT(s) = signals->train_loss < s->limit ? COUNT(s) + 1 : 0;
    return COUNT(s) >= LIMIT(s);
}

static const char *save(tfx_scaling *s)
{
    snprintf(s->text, sizeof(s->text), "%" PRIu32 " %" PRId64, s->stage, (int64_t)SAVED(s));
    return s->text;
}

static tfx_status load(tfx_scaling *s, const char *text)
{
    int end = 0;
    uint32_t in_stage;
    int64_t n;
    if (sscanf(text, "%" SCNu32 " %" SCNd64 "%n", &in_stage, &n, &end) < 0 || BAD_TEXT(text, end))
        return s->host->fail(s->host, TFX_E_DATA, "\"%.50s\" is no state of this policy", text);
    s->stage = in_stage;
    COUNT(s) = n;
    return TFX_OK;
}

static const char *reason(tfx_scaling *s)
{
    snprintf(s->why, sizeof(s->why), "below %.4g for %d steps", s->limit, (int)s->patience);
    return s->why;
}

static const tfx_scaling_class class_table = {sizeof(class_table),
                                              POLICY_NAME,
                                              "grows below a loss",
                                              options,
                                              N_OF(options),
                                              create,
                                              destroy,
                                              n_stages,
                                              stage,
                                              should_grow,
                                              NULL,
                                              NULL,
                                              save,
                                              load,
                                              NULL,
                                              reason};

TFX_PLUGIN(POLICY_NAME, "1", "grows below a loss", TFX_KIND_SCALING, &class_table);
