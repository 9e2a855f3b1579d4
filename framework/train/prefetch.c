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
#include "framework/plugin/registry.h"

enum { SLOTS = 3 };

typedef struct slot {
    int32_t *inputs, *targets;
    tfx_loader_position after;
    tfx_error err;
} slot;

struct tfx_prefetch {
    const tfx_loader_class *cls;
    tfx_loader *loader;
    int64_t batch, context, vocab;
    char *what;                    /* for messages */
    const tfx_loader_position *start; /* borrowed until `started` */
    pthread_t thread;

    pthread_mutex_t lock; /* guards everything below, but for the contents of slots */
    pthread_cond_t changed;
    int started; /* the loader is at its start, or start_error says why not */
    tfx_error start_error;
    int stop;
    uint64_t filled, taken; /* batches; slot of batch i: i % SLOTS. The thread owns the slot of
                               `filled`, next() that of `taken`, in between nobody writes */
    slot slots[SLOTS];
};

tfx_status tfx_batch_check(const int32_t *tokens, const char *which, int64_t batch, int64_t context, int64_t vocab,
                           const char *what, uint64_t index, tfx_error *err)
{
    int64_t n = batch * context, bound = vocab > 0 ? vocab : INT32_MAX;
    for (int64_t i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= bound)
            return tfx_fail(err, TFX_E_DATA, "%s: batch %llu, row %lld: token %lld of the %s is %d, expected 0 to %lld",
                            what, (unsigned long long)index, (long long)(i / context), (long long)(i % context), which,
                            (int)tokens[i], (long long)(bound - 1));
    return TFX_OK;
}

/* Fills the slot of batch number p->filled. */
static void fill(tfx_prefetch *p, slot *s)
{
    tfx_host_call_begin();
    tfx_status status = p->cls->next_batch(p->loader, s->inputs, s->targets);
    if (tfx_host_call_end(status, p->what, &s->err) != TFX_OK)
        return;
    s->after = (tfx_loader_position){.struct_size = sizeof(s->after)};
    tfx_host_call_begin();
    p->cls->tell(p->loader, &s->after);
    if (tfx_host_call_end(TFX_OK, p->what, &s->err) != TFX_OK)
        return;
    uint64_t index = s->after.batch_index - 1;
    tfx_batch_check(s->inputs, "inputs", p->batch, p->context, p->vocab, p->what, index, &s->err);
    tfx_batch_check(s->targets, "targets", p->batch, p->context, p->vocab, p->what, index, &s->err);
}

static void *run(void *arg)
{
    tfx_prefetch *p = arg;
    tfx_error err = {0};
    pthread_setname_np(pthread_self(), "tfx-loader");
    if (p->start) {
        tfx_host_call_begin();
        tfx_host_call_end(p->cls->seek(p->loader, p->start), p->what, &err);
    }
    pthread_mutex_lock(&p->lock);
    p->start_error = err;
    p->started = 1;
    pthread_cond_broadcast(&p->changed);
    int failed = err.status != TFX_OK;
    while (!failed) {
        while (!p->stop && p->filled - p->taken == SLOTS)
            pthread_cond_wait(&p->changed, &p->lock);
        if (p->stop)
            break;
        slot *s = &p->slots[p->filled % SLOTS];
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
    for (int i = 0; i < SLOTS; i++) {
        free(p->slots[i].inputs);
        free(p->slots[i].targets);
    }
    free(p->what);
    free(p);
}

tfx_prefetch *tfx_prefetch_create(const tfx_loader_class *cls, tfx_loader *loader, int64_t batch, int64_t context,
                                  const tfx_loader_position *start, tfx_error *err)
{
    tfx_prefetch *p = TFX_NEW(tfx_prefetch);
    tfx_loader_info info = {.struct_size = sizeof(info)};
    p->cls = cls;
    p->loader = loader;
    p->batch = batch;
    p->context = context;
    p->start = start;
    p->what = tfx_printf("loader %s", cls->name);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    cls->info(loader, &info);
    p->vocab = info.vocab;

    for (int i = 0; i < SLOTS; i++) {
        size_t bytes = (size_t)batch * (size_t)context * sizeof(int32_t);
        p->slots[i].inputs = malloc(bytes);
        p->slots[i].targets = malloc(bytes);
        if (!p->slots[i].inputs || !p->slots[i].targets) {
            tfx_fail(err, TFX_E_MEMORY, "%s: out of memory for batches of %zu bytes", p->what, bytes);
            free_all(p);
            return NULL;
        }
    }

    /* Signals are for the main thread, which finishes its step and stops this one. */
    sigset_t all, old;
    sigfillset(&all);
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

    slot *s = &p->slots[p->taken % SLOTS];
    if (s->err.status != TFX_OK) /* the thread has ended; the slot stays for the next call */
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
