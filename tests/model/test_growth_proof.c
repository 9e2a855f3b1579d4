/* Growth proofs against what models compute, in double precision: random pairs of models, maps that keep the function, the
 * same maps with one number changed, and maps of random numbers. Who says that the function is kept must be right, and
 * must say so of the maps that are made to. */
#include "framework/model/growth_proof.h"
#include "tests/check_main.h"
#include "tests/model/growth_maps.h"

#undef fail

/* ---- random pairs of models ---- */

typedef enum norm_kind { LAYER_NORM, PLAIN_NORM, RMS_NORM } norm_kind;

typedef struct pair {
    int blocks[2], heads[2], hidden[2], slots[2], head_dim;
    norm_kind norm, last_norm;
    int token_mixer, token_ffn, token_up, biases, tied, positions, scaled_logits, norm_bias, rotary;
    int score; /* of pattentions */
} pair;

static const char *const scores[] = {"l2_norm_gelu", "gelu_l2_norm", "softmax"};
static const char *const norms[] = {"layernorm", "layernorm_nonparam", "rmsnorm"};
static const char *const activations[] = {"gelu_erf", "gelu_tanh", "relu", "silu"};

static int one_of(dice *d, int n)
{
    return (int)dice_below(d, (uint32_t)n);
}

static pair draw_pair(dice *d)
{
    pair p = {.head_dim = 2 + one_of(d, 3),
              .norm = (norm_kind)one_of(d, 3),
              .last_norm = (norm_kind)one_of(d, 3),
              .token_mixer = one_of(d, 2),
              .token_ffn = one_of(d, 2),
              .token_up = one_of(d, 2),
              .biases = one_of(d, 2),
              .tied = one_of(d, 2),
              .positions = one_of(d, 2),
              .scaled_logits = one_of(d, 2),
              .norm_bias = one_of(d, 2),
              .rotary = one_of(d, 3),
              .score = one_of(d, 3)};
    p.blocks[0] = 1 + one_of(d, 2);
    p.blocks[1] = p.blocks[0] + (one_of(d, 2) ? one_of(d, 3) : 0);
    p.heads[0] = 2 + one_of(d, 2);
    p.heads[1] = p.heads[0] + (one_of(d, 2) ? one_of(d, 4) : 0);
    p.hidden[0] = 3 + one_of(d, 5);
    p.hidden[1] = p.hidden[0] + (one_of(d, 2) ? one_of(d, 7) : 0);
    p.slots[0] = 3 + one_of(d, 5);
    p.slots[1] = one_of(d, 2) ? p.slots[0] * (1 + one_of(d, 3)) : p.slots[0] + one_of(d, 5);
    if (p.score == 2) /* what grows over a softmax can be kept by copies that are all as many */
        p.slots[1] = p.slots[1] / p.slots[0] * p.slots[0];
    return p;
}

static void add_pattention(tfx_text *t, const pair *p, int k, const char *where)
{
    tfx_text_add(t, "%s = pattention\n%s.slots = %d\n%s.score = %s\n%s.eps = 0\n", where, where, p->slots[k], where,
                 scores[p->score], where);
}

static void add_model(tfx_text *t, const pair *p, int k)
{
    tfx_text_add(t, "[model %c]\nn_blocks = %d\ndim = %d\ncontext = %d\nvocab = %d\n", "ab"[k], p -> blocks[k],
                 p -> heads[k] * p -> head_dim, CONTEXT, VOCAB);
    tfx_text_add(t, "blocks.{norm1,norm2} = %s\nnorm = %s\n", norms[p->norm], norms[p->last_norm]);
    if (p->norm == LAYER_NORM && !p->norm_bias)
        tfx_text_add(t, "blocks.{norm1,norm2}.bias = false\n");
    tfx_text_add(t, "blocks.mixer.heads = %d\nblocks.mixer.rotary = %g\n", p->heads[k], p->rotary / 2.0);
    if (p->token_mixer)
        for (int i = 0; i < 4; i++)
            add_pattention(t, p, k,
                           (const char *[]){"blocks.mixer.q", "blocks.mixer.k", "blocks.mixer.v", "blocks.mixer.o"}[i]);
    else if (p->biases)
        tfx_text_add(t, "blocks.mixer.{q,k,v,o}.bias = true\n");
    if (p->token_ffn) {
        add_pattention(t, p, k, "blocks.ffn");
    } else {
        tfx_text_add(t, "blocks.ffn.hidden = %d\nblocks.ffn.activation = %s\nblocks.ffn.down.bias = %s\n", p->hidden[k],
                     activations[p->hidden[0] % 4], p->biases ? "true" : "false");
        if (p->token_up)
            add_pattention(t, p, k, "blocks.ffn.up");
    }
    if (p->positions)
        tfx_text_add(t, "embedding.positions = 7\n");
    if (p->scaled_logits)
        tfx_text_add(t, "embedding.logit_scale = rsqrt_dim\n");
    if (!p->tied)
        tfx_text_add(t, "head = linear\n");
    tfx_text_add(t, "[arm %c]\nmodel = %c\n", "ab"[k], "ab"[k]);
}

/* ---- maps that are made to keep the function ---- */

/* One number of a map that is to be another one. */
typedef enum flaw_kind { NO_FLAW, SCALE, INDEX, WEIGHT, SOURCE, FILL, DROP, N_FLAWS } flaw_kind;

typedef struct maker {
    const pair *p;
    modelled from, to;
    int copies, rest;    /* of the residual width: each element so many times, and what is left over */
    double beta;         /* factor of what is normalised */
    int origin[8];       /* per block of the new model: that of the old one that it is made of */
    int inserted[8];     /* it adds nothing */
    int64_t *places[64]; /* per class of the new model: an old element for each new one; NULL: in place */
    int *times[64];      /* per class and old element: how many copies */
    int zero_slots[64];  /* per class: new ones have zero keys; otherwise all are copied alike */
    flaw_kind flaw;
    uint32_t flaw_param, flaw_factor;
    int64_t flaw_element;
    int applied; /* the flaw has been put in */
} maker;

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

/* The old counterpart of a path or a name: that in the block that its block comes from. */
static char *old_name(const maker *m, const char *name)
{
    int block, used = 0;
    if (sscanf(name, "blocks.%d%n", &block, &used) != 1)
        return tfx_strdup(name);
    return tfx_printf("blocks.%d%s", m->origin[block], name + used);
}

static int64_t old_size(const maker *m, uint32_t cls)
{
    char *name = old_name(m, m->to.view->classes[cls]->name);
    uint32_t at = 0;
    while (at < m->from.view->n_classes && strcmp(m->from.view->classes[at]->name, name))
        at++;
    ck_assert_msg(at < m->from.view->n_classes, "there was no class %s", name);
    free(name);
    return m->from.view->classes[at]->size;
}

static void choose_places(maker *m, dice *d)
{
    for (uint32_t c = 0; c < m->to.view->n_classes; c++) {
        const tfx_model_class *cls = m->to.view->classes[c];
        int64_t n_old = old_size(m, c);
        int slots = ends_with(cls->name, ".slots");
        m->zero_slots[c] = slots && m->p->score != 2 && (cls->size % n_old || one_of(d, 2));
        m->places[c] = TFX_NEW_ARRAY(int64_t, cls->size);
        m->times[c] = TFX_NEW_ARRAY(int, n_old);
        for (int64_t i = 0; i < cls->size; i++) {
            m->places[c][i] = i < n_old                ? i
                              : slots || cls->residual ? i % n_old
                                                       : (int64_t)dice_below(d, (uint32_t)n_old);
            m->times[c][m->places[c][i]]++;
        }
    }
}

static int is_of_a_norm(const tfx_model_param *p)
{
    return strstr(p->path, "norm1.") || strstr(p->path, "norm2.") || !strncmp(p->path, "norm.", 5);
}

/* What the logits of a tied head would be multiplied by: undone in the last norm, if that has weights. */
static double tied_factor(const maker *m)
{
    double scale = m->p->scaled_logits ? sqrt((double)m->from.m->dim / (double)m->to.m->dim) : 1;
    return m->p->tied ? m->copies * m->beta * m->beta * scale : 1;
}

static void residual_factor(const maker *m, const tfx_model_param *p, uint32_t roles, int64_t n_old, int64_t i,
                            int64_t *index, double *scale)
{
    int left = i >= m->copies * n_old;
    int rms = m->p->norm == RMS_NORM; /* one norm does for zeros, the other for means: see draw_case */
    int produced = roles & TFX_AXIS_PRODUCED;
    *index = i % n_old;
    if (left && produced) {
        *index = rms ? *index : TFX_INDEX_MEAN;
        *scale = rms || (is_of_a_norm(p) && !strcmp(p->name, "bias")) ? 0 : m->beta;
    } else if (left) {
        *scale = 0;
    } else if (is_of_a_norm(p)) {
        *scale = (strcmp(p->name, "bias") ? 1 : m->beta) / (strncmp(p->path, "norm.", 5) ? 1 : tied_factor(m));
    } else {
        *scale = produced ? m->beta : 1 / (m->copies * m->beta);
    }
}

static void make_factor(maker *m, const tfx_model_param *p, uint32_t f, int64_t *index, double *scale)
{
    uint32_t c = p->factors[f]->cls, roles = p->factors[f]->roles;
    const tfx_model_class *cls = m->to.view->classes[c];
    int64_t n_old = old_size(m, c);
    int slots = ends_with(cls->name, ".slots"), softmax = m->p->score == 2;
    for (int64_t i = 0; i < cls->size; i++) {
        index[i] = m->places[c][i];
        scale[i] = 1;
        if (cls->residual)
            residual_factor(m, p, roles, n_old, i, &index[i], &scale[i]);
        else if (m->zero_slots[c] && i >= n_old)
            index[i] = TFX_INDEX_NEW;
        else if (m->zero_slots[c] || (slots && softmax))
            continue; /* a softmax over copies has divided them */
        else if (slots && roles & TFX_AXIS_NORMALISED)
            scale[i] = 1 / sqrt(m->times[c][index[i]]);
        else if (!(roles & TFX_AXIS_PRODUCED))
            scale[i] = 1.0 / m->times[c][index[i]];
    }
}

/* Where the L2 norm comes last (gelu_l2_norm), or copies of keys are scaled before it, tau makes up for it. */
static double tau_factor(const maker *m, const tfx_model_param *p)
{
    char *slots = tfx_printf("%.*s.slots", (int)(strlen(p->path) - 4), p->path);
    double factor = 1;
    for (uint32_t c = 0; c < m->to.view->n_classes; c++)
        if (!strcmp(m->to.view->classes[c]->name, slots) && !m->zero_slots[c] && m->p->score != 2)
            factor = sqrt(m->times[c][0]);
    free(slots);
    return factor;
}

static int has_flaw(maker *m, flaw_kind kind, uint32_t param)
{
    int has = m->flaw == kind && m->flaw_param == param;
    m->applied |= has;
    return has;
}

static void spoil_factor(maker *m, uint32_t i, uint32_t f, int64_t n, int64_t n_old, int64_t *index, double *scale)
{
    int64_t e = m->flaw_element % n;
    if (m->flaw_factor != f)
        return;
    if (has_flaw(m, SCALE, i))
        scale[e] = scale[e] == 0 ? 0.3 : 1.3 * scale[e];
    if (has_flaw(m, INDEX, i))
        index[e] = index[e] < 0 ? 0 : (index[e] + 1) % n_old;
}

static void make_param(maker *m, tfx_growth *g, uint32_t i)
{
    const tfx_model_param *p = m->to.view->params[i];
    char *path = old_name(m, p->path);
    int64_t old = g->old_param(g, path);
    free(path);
    ck_assert_int_ge(old, 0);
    double weight = !strcmp(p->name, "tau") ? tau_factor(m, p) : 1;
    g->set_fill(g, i, !strcmp(p->name, "key") ? TFX_FILL_ZERO : TFX_FILL_NORMAL, 0.5);
    if (p->block >= 0 && m->inserted[p->block] && p->writes_residual) {
        g->drop_sources(g, i);
        g->set_fill(g, i, has_flaw(m, FILL, i) ? TFX_FILL_NORMAL : TFX_FILL_ZERO, 0.3);
        return;
    }
    uint32_t source;
    g->add_source(g, i, (uint32_t)old, has_flaw(m, WEIGHT, i) ? 1.2 * weight : weight, &source);
    for (uint32_t f = 0; f < p->n_factors; f++) {
        int64_t n = m->to.view->classes[p->factors[f]->cls]->size, *index = TFX_NEW_ARRAY(int64_t, n);
        double *scale = TFX_NEW_ARRAY(double, n);
        make_factor(m, p, f, index, scale);
        spoil_factor(m, i, f, n, old_size(m, p->factors[f]->cls), index, scale);
        g->set_factor(g, i, source, f, index, scale, NULL);
        free(index);
        free(scale);
    }
    if (has_flaw(m, SOURCE, i))
        g->add_source(g, i, (uint32_t)old, 0.1, NULL);
    if (has_flaw(m, FILL, i))
        g->set_fill(g, i, TFX_FILL_NORMAL, 0.4);
    if (has_flaw(m, DROP, i))
        g->drop_sources(g, i);
}

static tfx_growth_map *make_map(maker *m)
{
    tfx_error err = {0};
    tfx_growth_map *map = tfx_growth_map_create(m->from.view, m->to.view, 1, 1);
    for (uint32_t i = 0; i < m->to.view->n_params; i++)
        make_param(m, tfx_growth_map_open(map), i);
    if (tfx_growth_map_close(map, &err) == TFX_OK)
        return map;
    ck_assert_msg(m->flaw != NO_FLAW, "%s", err.text); /* as when the only user of a parameter is dropped */
    tfx_growth_map_destroy(map);
    return NULL;
}

/* Old blocks in their order, with new ones in between. */
static void choose_blocks(maker *m, dice *d)
{
    int old = m->p->blocks[0], more = m->p->blocks[1] - old;
    for (int i = 0, next = 0; i < m->p->blocks[1]; i++) {
        m->inserted[i] = more && (next == old || one_of(d, 2));
        more -= m->inserted[i];
        m->origin[i] = m->inserted[i] ? one_of(d, old) : next;
        next += !m->inserted[i];
    }
}

/* ---- what is claimed, and what is so ---- */

typedef struct outcome {
    tfx_growth_claim claim;
    double delta; /* largest change of a logit, over the largest logit */
    double off;   /* the same, when the old ones are multiplied by the factor that was claimed */
} outcome;

static outcome judge(maker *m, const fixture *f, const tfx_growth_map *map, dice *d)
{
    outcome o = {0};
    tfx_error err = {0};
    tfx_growth_prove(m->from.m, m->to.m, map, f->registry, &o.claim, &err);
    ck_assert_msg(err.status == TFX_OK, "%s", err.text);
    ck_assert_ptr_nonnull(o.claim.why);
    apply_map(map, &m->from, &m->to, d);
    double *before = logits_of(&m->from), *after = logits_of(&m->to), largest = 1e-300;
    for (int i = 0; i < BATCH * CONTEXT * VOCAB; i++) {
        largest = fmax(largest, fabs(before[i]));
        o.delta = fmax(o.delta, fabs(after[i] - before[i]));
        o.off = fmax(o.off, fabs(after[i] - o.claim.logit_factor * before[i]));
    }
    o.delta /= largest;
    o.off /= largest;
    free(before);
    free(after);
    return o;
}

#define ROUNDING 1e-8

typedef struct tally_of {
    int right, seen, flawed, harmful;
} tally_of;

static void check_sound(const outcome *o, const maker *m, const char *spec, int number)
{
    if (o->claim.preserves)
        ck_assert_msg(o->delta < ROUNDING, "case %d, flaw %d of %s: claimed '%s', logits change by %g\n%s", number,
                      m->flaw, m->flaw == NO_FLAW ? "none" : m->to.view->params[m->flaw_param]->path, o->claim.why,
                      o->delta, spec);
    if (o->claim.logit_factor != 0)
        ck_assert_msg(o->off < ROUNDING * fmax(1, fabs(o->claim.logit_factor)),
                      "case %d: claimed a factor of %g, off by %g\n%s", number, o->claim.logit_factor, o->off, spec);
}

static void check_flaws(maker *m, const fixture *f, dice *d, const char *spec, int number, tally_of *t)
{
    for (int i = 0; i < 8; i++) {
        m->flaw = (flaw_kind)(1 + one_of(d, N_FLAWS - 1));
        m->flaw_param = dice_below(d, m->to.view->n_params);
        uint32_t n_factors = m->to.view->params[m->flaw_param]->n_factors;
        m->flaw_factor = n_factors ? dice_below(d, n_factors) : 0;
        m->flaw_element = dice_below(d, 1000);
        m->applied = 0;
        tfx_growth_map *map = make_map(m);
        if (!map)
            continue;
        outcome o = judge(m, f, map, d);
        check_sound(&o, m, spec, number);
        t->flawed += m->applied;
        t->harmful += m->applied && o.delta > ROUNDING;
        tfx_growth_claim_finish(&o.claim);
        tfx_growth_map_destroy(map);
    }
    m->flaw = NO_FLAW;
}

/* Every factor of some parameters from anywhere, times anything. */
static void check_wild(maker *m, const fixture *f, dice *d, const char *spec, int number)
{
    static const double factors[] = {0, 0.5, 1, 1, 1, 2, -1};
    tfx_error err = {0};
    tfx_growth_map *map = tfx_growth_map_create(m->from.view, m->to.view, 1, 1);
    tfx_growth *g = tfx_growth_map_open(map);
    for (uint32_t c = 0; c < m->to.view->n_classes; c++) {
        int64_t n = m->to.view->classes[c]->size, n_old = old_size(m, c), *index = TFX_NEW_ARRAY(int64_t, n);
        double *produced = TFX_NEW_ARRAY(double, n), *consumed = TFX_NEW_ARRAY(double, n);
        double same = factors[1 + one_of(d, 6)];
        int wild = one_of(d, 3);
        for (int64_t i = 0; i < n; i++) {
            index[i] = wild == 1 || i >= n_old ? (int64_t)dice_below(d, (uint32_t)n_old) - (one_of(d, 8) == 0) : i;
            produced[i] = wild == 2 ? factors[one_of(d, 7)] : same;
            consumed[i] = wild == 2 ? factors[one_of(d, 7)] : 1 / same;
        }
        g->set_class(g, c, index, produced, consumed);
        free(index);
        free(produced);
        free(consumed);
    }
    for (uint32_t i = 0; i < m->to.view->n_params; i++) {
        char *path = old_name(m, m->to.view->params[i]->path);
        if (strcmp(path, m->to.view->params[i]->path))
            g->add_source(g, i, (uint32_t)g->old_param(g, path), 1, NULL);
        free(path);
        g->set_fill(g, i, (tfx_fill)one_of(d, 3), 0.5);
    }
    if (tfx_growth_map_close(map, &err) == TFX_OK) {
        outcome o = judge(m, f, map, d);
        check_sound(&o, m, spec, number);
        tfx_growth_claim_finish(&o.claim);
    }
    tfx_growth_map_destroy(map);
}

static void check_case(int number, tally_of *t)
{
    dice d = {.seed = 11 + (uint64_t)number};
    pair p = draw_pair(&d);
    if (p.norm != p.last_norm && (p.heads[1] % p.heads[0]) != 0 && (p.norm == RMS_NORM || p.last_norm == RMS_NORM))
        p.last_norm = p.norm; /* what is left over is zero for one norm, and the mean for the other */
    tfx_text text = {0};
    tfx_text_add(&text, "%s%s", SPEC_HEAD, SPEC_TRAIN);
    add_model(&text, &p, 0);
    add_model(&text, &p, 1);
    fixture f;
    fixture_open(&f, text.s);
    maker m = {.p = &p, .copies = p.heads[1] / p.heads[0], .rest = p.heads[1] % p.heads[0]};
    m.beta = sqrt((double)p.heads[1] / (m.copies * p.heads[0]));
    modelled_open(&m.from, &f, "a");
    modelled_open(&m.to, &f, "b");
    choose_blocks(&m, &d);
    choose_places(&m, &d);
    draw_weights(&m.from, &d);

    tfx_growth_map *map = make_map(&m);
    outcome o = judge(&m, &f, map, &d);
    check_sound(&o, &m, text.s, number);
    /* Without weights in the last norm nothing can undo what happens to the logits of a tied head. */
    double factor = p.tied && p.last_norm == PLAIN_NORM ? tied_factor(&m) : 1;
    ck_assert_msg(fabs(o.claim.logit_factor - factor) < 1e-6, "case %d: not seen to be kept: %s (delta %g)\n%s", number,
                  o.claim.why, o.delta, text.s);
    t->right++;
    t->seen += o.claim.preserves;
    tfx_growth_claim_finish(&o.claim);
    tfx_growth_map_destroy(map);
    check_flaws(&m, &f, &d, text.s, number, t);
    check_wild(&m, &f, &d, text.s, number);
    for (uint32_t c = 0; c < m.to.view->n_classes; c++) {
        free(m.places[c]);
        free(m.times[c]);
    }
    modelled_close(&m.from);
    modelled_close(&m.to);
    fixture_close(&f);
    tfx_text_free(&text);
}

START_TEST(claims_are_true)
{
    tally_of t = {0};
    for (int i = 0; i < 30; i++)
        check_case(30 * _i + i, &t);
    ck_assert_int_gt(t.seen, t.right / 2);
    ck_assert_int_gt(t.harmful, t.flawed / 3);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("growth proof");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, claims_are_true, 0, 6);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
