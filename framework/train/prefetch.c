/* Runs a loader on its own thread, with a ring of batches between it and the training step.
 *
 * What the loader is told to do does not depend on how fast the batches are taken, and each batch
 * travels with the position behind it. So a checkpoint stores the position of what was trained on,
 * not of what was read ahead, and a resumed run sees the same batches. */
#include "framework/train/prefetch.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/plugin/calls/loader_calls.h"

enum { CELLS = 3 };

typedef struct cell {
    int32_t *inputs, *targets;
    tfx_loader_position after;
    tfx_error err;
} cell;

struct tfx_prefetch {
    const tfx_loader_class *cls;
    tfx_loader *loader;
    int64_t batch, context, vocab;
    uint64_t first;                   /* number of the first batch */
    char *what;                       /* for messages */
    const tfx_loader_position *start; /* borrowed until `started` */
    pthread_t thread;

    pthread_mutex_t lock; /* guards everything below, but for the contents of cells */
    pthread_cond_t changed;
    int started; /* the loader is at its start, or start_error says why not */
    tfx_error start_error;
    int stop;
    uint64_t filled, taken; /* batches; cell of batch i: i % CELLS. The thread owns the cell of
                               `filled`, next() that of `taken`, in between nobody writes */
    cell cells[CELLS];
};

/* Fills the cell of batch number p->filled. */
static void fill(tfx_prefetch *p, cell *s)
{
    tfx_batch batch = {.rows = p->batch,
                       .context = p->context,
                       .vocab = p->vocab,
                       .index = p->first + p->filled,
                       .inputs = s->inputs,
                       .targets = s->targets};
    if (tfx_call_loader_next_batch(p->cls, p->loader, &batch, p->what, &s->err) == TFX_OK)
        tfx_call_loader_tell(p->cls, p->loader, &s->after, p->what, &s->err);
}

static void *run(void *arg)
{
    tfx_prefetch *p = arg;
    tfx_error err = {0};
    pthread_setname_np(pthread_self(), "tfx-loader");
    if (p->start)
        tfx_call_loader_seek(p->cls, p->loader, p->start, p->what, &err);
    pthread_mutex_lock(&p->lock);
    p->start_error = err;
    p->started = 1;
    pthread_cond_broadcast(&p->changed);
    int failed = err.status != TFX_OK;
    while (!failed) {
        while (!p->stop && p->filled - p->taken == CELLS)
            pthread_cond_wait(&p->changed, &p->lock);
        if (p->stop)
            break;
        cell *s = &p->cells[p->filled % CELLS];
        pthread_mutex_unlock(&p->lock);
        fill(p, s);
        failed = s->err.status != TFX_OK;
        pthread_mutex_lock(&p->lock);
        p->filled++;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void free_all(tfx_prefetch *p)
{
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    for (int i = 0; i < CELLS; i++) {
        free(p->cells[i].inputs);
        free(p->cells[i].targets);
    }
    free(p->what);
    free(p);
}

tfx_prefetch *tfx_prefetch_create(const tfx_loader_class *cls, tfx_loader *loader, int64_t batch, int64_t context,
                                  int64_t vocab, const tfx_loader_position *start, tfx_error *err)
{
    tfx_prefetch *p = TFX_NEW(tfx_prefetch);
    p->cls = cls;
    p->loader = loader;
    p->batch = batch;
    p->context = context;
    p->vocab = vocab;
    p->start = start;
    p->first = start ? start->batch_index : 0;
    p->what = tfx_printf("loader %s", cls->name);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);

    for (int i = 0; i < CELLS; i++) {
        size_t bytes = (size_t)batch * (size_t)context * sizeof(int32_t);
        p->cells[i].inputs = malloc(bytes);
        p->cells[i].targets = malloc(bytes);
        if (!p->cells[i].inputs || !p->cells[i].targets) {
            tfx_fail(err, TFX_E_MEMORY, "%s: out of memory for batches of %zu bytes", p->what, bytes);
            free_all(p);
            return NULL;
        }
    }

    /* Signals are for the main thread, which finishes its step and stops this one; but a crash is where it is. */
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t all, old;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
        sigdelset(&all, crashes[i]);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        tfx_fail(err, TFX_E_MEMORY, "%s: cannot start its thread: %s", p->what, strerror(failed));
        free_all(p);
        return NULL;
    }

    pthread_mutex_lock(&p->lock);
    while (!p->started)
        pthread_cond_wait(&p->changed, &p->lock);
    tfx_error start_error = p->start_error;
    pthread_mutex_unlock(&p->lock);
    if (start_error.status != TFX_OK) {
        tfx_fail(err, start_error.status, "%s", start_error.text);
        tfx_prefetch_destroy(p);
        return NULL;
    }
    return p;
}

tfx_status tfx_prefetch_next(tfx_prefetch *p, int32_t *inputs, int32_t *targets, tfx_loader_position *after,
                             tfx_error *err)
{
    pthread_mutex_lock(&p->lock);
    while (p->filled == p->taken)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);

    cell *s = &p->cells[p->taken % CELLS];
    if (s->err.status != TFX_OK) /* the thread has ended; the cell stays for the next call */
        return tfx_fail(err, s->err.status, "%s", s->err.text);
    size_t bytes = (size_t)p->batch * (size_t)p->context * sizeof(int32_t);
    memcpy(inputs, s->inputs, bytes);
    memcpy(targets, s->targets, bytes);
    if (after)
        *after = s->after;

    pthread_mutex_lock(&p->lock);
    p->taken++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return TFX_OK;
}

void tfx_prefetch_destroy(tfx_prefetch *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = 1;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    free_all(p);
}
