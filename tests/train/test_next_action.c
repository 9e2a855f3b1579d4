/* Every order of events of a run: what is due at one step, growth by plan and by policy, and a request to stop, a
 * kill and a resume before, in and after each action. A run is played here without a model; its events are
 * written down as letters with the step at which they happen. */
#include <string.h>

#include "framework/base/text.h"
#include "framework/train/next_action.h"
#include "tests/check_main.h"

#define MAX_STAGES 3
#define MAX_EVENTS 128

typedef struct plan {
    int n_stages;
    int64_t steps[MAX_STAGES]; /* as planned */
    int64_t early[MAX_STAGES]; /* the policy ends the stage after so many; 0: it does not */
    int64_t eval_every, checkpoint_every;
    int64_t branch; /* the step from which other arms start; 0: none */
} plan;

/* What a checkpoint says of where the run stands. */
typedef struct place {
    int stage, stage_done;
    int64_t step, stage_step, evaluated_step;
} place;

enum { NEVER = MAX_EVENTS + 1 };

typedef struct player {
    const plan *p;
    place at, saved; /* now, and in the newest checkpoint */
    int has_saved;
    size_t n_saved; /* events up to that checkpoint */
    int event[MAX_EVENTS];
    int64_t step[MAX_EVENTS];
    size_t n;
} player;

static const char letters[] = {
    [TFX_ACTION_EVALUATE] = 'E', [TFX_ACTION_STEP] = 'S',  [TFX_ACTION_CHECKPOINT] = 'C', [TFX_ACTION_END_STAGE] = 'Z',
    [TFX_ACTION_GROW] = 'G',     [TFX_ACTION_END] = 'X',   [TFX_ACTION_SAVE] = 'I',       [TFX_ACTION_STOP] = 'Q',
    [TFX_ACTION_FAIL] = 'F',     [TFX_ACTION_DECIDE] = 'D'};

/* Check writes a line for each assertion that holds, and there are millions here. */
static void hold(int condition, const char *what)
{
    if (!condition)
        ck_abort_msg("%s", what);
}

static void note(player *r, int letter)
{
    hold(r->n < MAX_EVENTS, "too many events");
    r->event[r->n] = letter;
    r->step[r->n++] = r->at.step;
}

static void save(player *r)
{
    r->saved = r->at;
    r->has_saved = 1;
    r->n_saved = r->n;
}

static void carry_out(player *r, tfx_action a)
{
    place *at = &r->at;
    if (a == TFX_ACTION_EVALUATE)
        at->evaluated_step = at->step;
    if (a == TFX_ACTION_STEP) {
        const plan *p = r->p;
        at->step++;
        at->stage_step++;
        at->stage_done = at->stage_step == p->steps[at->stage];
    }
    if (a == TFX_ACTION_DECIDE)
        at->stage_done = at->stage_step == r->p->early[at->stage];
    if (a == TFX_ACTION_GROW) {
        at->stage++;
        at->stage_step = 0;
        at->stage_done = !r->p->steps[at->stage];
    }
    note(r, letters[a]);
    if (a == TFX_ACTION_CHECKPOINT || a == TFX_ACTION_END_STAGE || a == TFX_ACTION_GROW || a == TFX_ACTION_SAVE)
        save(r);
}

/* Plays on from the newest checkpoint, or from the beginning, until the run is over, is interrupted, or killed
 * before action number `kill`. Somebody asks to stop before or, when `within`, in the middle of action
 * number `stop`. Returns the last action, or -1 after a kill. */
static int play(player *r, int stop, int within, int kill)
{
    tfx_run_state s = {.eval_every = r->p->eval_every, .checkpoint_every = r->p->checkpoint_every};
    r->at = r->has_saved ? r->saved : (place){.evaluated_step = -1, .stage_done = !r->p->steps[0]};
    for (int k = 0; k < NEVER; k++) {
        s.step = r->at.step;
        s.stage_step = r->at.stage_step;
        s.stage_done = r->at.stage_done;
        s.last_stage = r->at.stage + 1 == r->p->n_stages;
        s.branches = r->p->branch && r->at.step == r->p->branch;
        if (k == 0)
            tfx_run_state_begin(&s, r->has_saved, r->at.evaluated_step);
        s.stop |= k == stop && !within;
        if (k == kill)
            return -1;
        tfx_action a = tfx_next_action(&s);
        s.stop |= k == stop;
        if (a == TFX_ACTION_EVALUATE && s.stop)
            continue; /* given up */
        carry_out(r, a);
        tfx_action_done(&s, a);
        if (a == TFX_ACTION_END || a == TFX_ACTION_STOP)
            return (int)a;
        hold(a != TFX_ACTION_FAIL, "failed without a reason");
    }
    ck_abort_msg("the run does not end");
    return -1;
}

/* The events; with `effective`, without those of interruptions, and an evaluation that was repeated counts once; a
 * decision does not: a policy that remembers must not be asked twice. */
static char *trace(const player *r, int effective)
{
    tfx_text t = {0};
    int last = -1;
    for (size_t i = 0; i < r->n; i++) {
        if (effective && (r->event[i] == 'I' || r->event[i] == 'Q'))
            continue;
        if (effective && r->event[i] != 'D' && last >= 0 && r->event[i] == r->event[last] &&
            r->step[i] == r->step[last])
            continue;
        tfx_text_add(&t, "%s%c%lld", last < 0 ? "" : " ", r->event[i], (long long)r->step[i]);
        last = (int)i;
    }
    return t.s;
}

/* What must happen, written down as people think of it. */
static char *expected(const plan *p)
{
    player r = {.p = p};
    for (int i = 0; i < p->n_stages; i++) {
        int64_t steps = p->early[i] ? p->early[i] : p->steps[i];
        if (steps || i + 1 == p->n_stages)
            note(&r, 'E');
        else if (!i) /* what grows first has to be somewhere */
            note(&r, 'Z');
        for (int64_t k = 1; k <= steps; k++) {
            r.at.step++;
            note(&r, 'S');
            int planned_end = k == p->steps[i], due = p->eval_every && r.at.step % p->eval_every == 0;
            if (planned_end || due)
                note(&r, 'E');
            if (!planned_end)
                note(&r, 'D'); /* which may rest on that evaluation */
            if (k == steps && !planned_end && !due)
                note(&r, 'E');
            if (k == steps)
                note(&r, 'Z');
            else if (r.at.step == p->branch || (p->checkpoint_every && r.at.step % p->checkpoint_every == 0))
                note(&r, 'C');
        }
        note(&r, i + 1 < p->n_stages ? 'G' : 'X');
    }
    return trace(&r, 0);
}

static void check(const player *r, const char *right, const char *what, int at)
{
    const plan *p = r->p;
    char *found = trace(r, 1);
    if (strcmp(found, right))
        ck_abort_msg("%d stages of %lld, %lld, %lld steps (early %lld, %lld), eval_every %lld, checkpoint_every %lld, "
                     "%s %d:\n%s\nexpected\n%s",
                     p->n_stages, (long long)p->steps[0], (long long)p->steps[1], (long long)p->steps[2],
                     (long long)p->early[0], (long long)p->early[1], (long long)p->eval_every,
                     (long long)p->checkpoint_every, what, at, found, right);
    free(found);
}

/* Calls `visit` with every small plan. */
static void all_plans(void (*visit)(const plan *p))
{
    for (int n = 1; n <= MAX_STAGES; n++)
        for (int code = 0; code < 27; code++)
            for (int early = 0; early < 1 << (n - 1); early++)
                for (int every = 0; every < 25; every++) {
                    plan p = {
                        .n_stages = n, .eval_every = every % 5, .checkpoint_every = every / 5, .branch = code % 4};
                    int rest = code;
                    for (int i = 0; i < n; i++, rest /= 3) {
                        p.steps[i] = 1 + rest % 3;
                        p.early[i] = early >> i & 1 ? p.steps[i] : 0;
                        p.steps[i] += p.early[i] ? 2 : 0;
                    }
                    if (!rest)
                        visit(&p);
                }
}

START_TEST(examples)
{
    static const struct {
        plan p;
        const char *events;
    } cases[] = {
        {{1, {3}, {0}, 0, 0}, "E0 S1 D1 S2 D2 S3 E3 Z3 X3"},
        {{1, {1}, {0}, 1, 1}, "E0 S1 E1 Z1 X1"},
        {{1, {3}, {0}, 1, 1}, "E0 S1 E1 D1 C1 S2 E2 D2 C2 S3 E3 Z3 X3"},
        {{1, {5}, {0}, 2, 4}, "E0 S1 D1 S2 E2 D2 S3 D3 S4 E4 D4 C4 S5 E5 Z5 X5"},
        {{2, {2, 2}, {0}, 2, 2}, "E0 S1 D1 S2 E2 Z2 G2 E2 S3 D3 S4 E4 Z4 X4"},
        {{2, {9, 2}, {1, 0}, 0, 1}, "E0 S1 D1 E1 Z1 G1 E1 S2 D2 C2 S3 E3 Z3 X3"},
        {{2, {9, 1}, {2, 0}, 2, 0}, "E0 S1 D1 S2 E2 D2 Z2 G2 E2 S3 E3 Z3 X3"},
        {{1, {4}, {0}, 0, 0, 2}, "E0 S1 D1 S2 D2 C2 S3 D3 S4 E4 Z4 X4"},
        {{1, {3}, {0}, 2, 2, 2}, "E0 S1 D1 S2 E2 D2 C2 S3 E3 Z3 X3"},
        {{2, {2, 2}, {0}, 0, 0, 2}, "E0 S1 D1 S2 E2 Z2 G2 E2 S3 D3 S4 E4 Z4 X4"},
        {{3, {1, 1, 1}, {0}, 0, 0}, "E0 S1 E1 Z1 G1 E1 S2 E2 Z2 G2 E2 S3 E3 Z3 X3"},
        {{3, {0, 0, 2}, {0}, 1, 1}, "Z0 G0 G0 E0 S1 E1 D1 C1 S2 E2 Z2 X2"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        player r = {.p = &cases[i].p};
        ck_assert_int_eq(play(&r, NEVER, 0, NEVER), TFX_ACTION_END);
        char *found = trace(&r, 0);
        ck_assert_str_eq(found, cases[i].events);
        free(found);
    }
}
END_TEST

static void undisturbed(const plan *p)
{
    player r = {.p = p};
    char *right = expected(p);
    hold(play(&r, NEVER, 0, NEVER) == TFX_ACTION_END, "the run ends");
    check(&r, right, "undisturbed", 0);
    free(right);
}

/* Growth before the first step, the last stage's evaluations and checkpoints being as ever. */
static const plan grows_first[] = {{2, {0, 1}, {0}, 0, 0}, {2, {0, 2}, {0}, 1, 1}, {2, {0, 3}, {0}, 2, 0}};
#define N_GROWS_FIRST (sizeof(grows_first) / sizeof(*grows_first))

START_TEST(undisturbed_runs)
{
    all_plans(undisturbed);
    for (size_t i = 0; i < N_GROWS_FIRST; i++)
        undisturbed(&grows_first[i]);
}
END_TEST

/* Asked to stop before and within each action, and resumed, the run does what it would have done. */
static void interrupted(const plan *p)
{
    char *right = expected(p);
    for (int within = 0; within <= 1; within++)
        for (int stop = 0;; stop++) {
            player r = {.p = p};
            if (play(&r, stop, within, NEVER) == TFX_ACTION_END) {
                check(&r, right, "not interrupted at", stop);
                if (r.event[r.n - 1] == 'X' && (int)r.n <= stop)
                    break; /* it was over before */
                continue;
            }
            hold(r.has_saved && r.saved.step == r.at.step, "all is saved");
            /* Asked again at once, it has nothing to save and goes no step. */
            size_t n = r.n;
            hold(play(&r, 0, 0, NEVER) == TFX_ACTION_STOP && r.n == n + 1, "nothing new to save");
            hold(play(&r, NEVER, 0, NEVER) == TFX_ACTION_END, "the resumed run ends");
            check(&r, right, within ? "interrupted within" : "interrupted before", stop);
        }
    free(right);
}

START_TEST(interrupted_runs)
{
    all_plans(interrupted);
    for (size_t i = 0; i < N_GROWS_FIRST; i++)
        interrupted(&grows_first[i]);
}
END_TEST

/* Killed before each action, also before those of a resumed run, the run goes on behind its newest checkpoint. */
static void killed(const plan *p)
{
    char *right = expected(p);
    for (int kill = 0; kill < NEVER; kill++) {
        player r = {.p = p};
        int done = play(&r, NEVER, 0, kill) == TFX_ACTION_END, attempts = 0;
        if (done && kill > 0 && (int)r.n <= kill)
            break;
        while (!done && attempts++ < 64) {
            r.n = r.has_saved ? r.n_saved : 0; /* rows behind it no longer count */
            done = play(&r, NEVER, 0, kill + attempts) == TFX_ACTION_END;
        }
        hold(done, "the resumed run ends");
        check(&r, right, "killed at", kill);
    }
    free(right);
}

START_TEST(killed_runs)
{
    all_plans(killed);
    for (size_t i = 0; i < N_GROWS_FIRST; i++)
        killed(&grows_first[i]);
}
END_TEST

/* Nothing is evaluated, saved or trained any more, whatever else is due. */
START_TEST(diverged_runs)
{
    for (int bits = 0; bits < 1 << 6; bits++) {
        tfx_run_state s = {.step = bits & 1 ? 4 : 0,
                           .stage_step = bits & 1 ? 4 : 0,
                           .stage_done = bits >> 1 & 1,
                           .last_stage = bits >> 2 & 1,
                           .evaluated = bits >> 3 & 1,
                           .saved = bits >> 4 & 1,
                           .stop = bits >> 5 & 1,
                           .diverged = 1,
                           .eval_every = 2,
                           .checkpoint_every = 4};
        ck_assert_int_eq(tfx_next_action(&s), TFX_ACTION_FAIL);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/next_action");
    TCase *c = tcase_create("next_action");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, examples);
    tcase_add_test(c, undisturbed_runs);
    tcase_add_test(c, interrupted_runs);
    tcase_add_test(c, killed_runs);
    tcase_add_test(c, diverged_runs);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
