/* The thread pool: the calling thread is worker 0, the others wait for work.
 *
 * Each worker owns a queue of consecutive tasks (so that the same worker tends to touch the
 * same memory in step after step) and takes from the others' queues when its own is empty
 * (so that one slow or pre-empted core does not hold up the rest). A queue is one word,
 * limit << 32 | next: whoever increments `next` by compare-and-swap owns that task, of
 * whichever job is current then. A job's function and argument are published before its
 * queues and stay in place until its last task is done, so a successful claim may read them.
 *
 * Between jobs workers spin for a short while, since steps follow each other within
 * microseconds, and then sleep on a futex.
 */
#include "kernels.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPINS 4000 /* with a pause each: some tens of microseconds */

typedef struct queue {
    _Alignas(64) _Atomic uint64_t word;
} queue;

typedef struct worker {
    tfx_cpu_pool *pool;
    pthread_t thread;
    int index;
} worker;

struct tfx_cpu_pool {
    int n_threads;
    int n_started; /* threads besides the caller */
    worker *workers;
    queue *queues;
    tfx_cpu_task fn;
    void *arg;
    _Alignas(64) _Atomic uint32_t epoch;    /* futex: grows with every job */
    _Alignas(64) _Atomic uint32_t sleepers; /* workers asleep on epoch */
    _Atomic uint32_t stop;
    _Alignas(64) _Atomic int64_t unfinished; /* tasks of the current job */
    _Atomic uint32_t done;                   /* futex: the caller sleeps while it is 0 */
    _Atomic uint32_t caller_sleeps;
};

static void futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 0x7fffffff, NULL, NULL, 0);
}

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* Claims the next task of queue q, or returns -1. */
static int64_t claim(queue *q)
{
    uint64_t x = atomic_load_explicit(&q->word, memory_order_acquire);
    for (;;) {
        if ((x & 0xffffffffu) >= x >> 32)
            return -1;
        if (atomic_compare_exchange_weak_explicit(&q->word, &x, x + 1, memory_order_acq_rel, memory_order_acquire))
            return (int64_t)(x & 0xffffffffu);
    }
}

/* Executes tasks, own queue first, until none is left to claim. */
static void work(tfx_cpu_pool *pool, int index)
{
    for (int k = 0; k < pool->n_threads; k++) {
        queue *q = &pool->queues[(index + k) % pool->n_threads];
        int64_t task;
        while ((task = claim(q)) >= 0) {
            pool->fn(pool->arg, task, index);
            if (atomic_fetch_sub_explicit(&pool->unfinished, 1, memory_order_acq_rel) == 1) {
                atomic_store(&pool->done, 1);
                if (atomic_load(&pool->caller_sleeps))
                    futex_wake(&pool->done);
            }
        }
    }
}

static void *worker_main(void *p)
{
    worker *w = p;
    tfx_cpu_pool *pool = w->pool;
    /* Signals are the main thread's business; but a crash is where it is. */
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t all;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
        sigdelset(&all, crashes[i]);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    uint32_t seen = 0;
    for (;;) {
        int spins = 0;
        uint32_t now;
        while ((now = atomic_load(&pool->epoch)) == seen) {
            if (atomic_load(&pool->stop))
                return NULL;
            if (++spins < SPINS) {
                pause_briefly();
                continue;
            }
            atomic_fetch_add(&pool->sleepers, 1);
            futex_wait(&pool->epoch, seen);
            atomic_fetch_sub(&pool->sleepers, 1);
        }
        seen = now;
        work(pool, w->index);
    }
}

tfx_cpu_pool *tfx_cpu_pool_create(int n_threads)
{
    void *place;
    if (posix_memalign(&place, 64, sizeof(tfx_cpu_pool)))
        return NULL;
    tfx_cpu_pool *pool = place;
    *pool = (tfx_cpu_pool){.n_threads = n_threads};
    pool->workers = posix_memalign(&place, 64, sizeof(worker) * (size_t)n_threads) ? NULL : place;
    pool->queues = posix_memalign(&place, 64, sizeof(queue) * (size_t)n_threads) ? NULL : place;
    if (!pool->workers || !pool->queues)
        goto fail;
    for (int i = 0; i < n_threads; i++) {
        atomic_init(&pool->queues[i].word, 0);
        pool->workers[i] = (worker){.pool = pool, .index = i};
    }
    for (int i = 1; i < n_threads; i++) {
        if (pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]))
            goto fail;
        pool->n_started++;
    }
    return pool;

fail:
    tfx_cpu_pool_destroy(pool);
    return NULL;
}

void tfx_cpu_pool_destroy(tfx_cpu_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, 1);
    /* Queues are empty: workers wake, find nothing, and see `stop`. */
    atomic_fetch_add(&pool->epoch, 1);
    futex_wake(&pool->epoch);
    for (int i = 1; i <= pool->n_started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    free(pool->workers);
    free(pool->queues);
    free(pool);
}

void tfx_cpu_pool_run(tfx_cpu_pool *pool, int64_t n_tasks, tfx_cpu_task fn, void *arg)
{
    if (n_tasks <= 1 || pool->n_threads == 1) {
        for (int64_t i = 0; i < n_tasks; i++)
            fn(arg, i, 0);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    atomic_store(&pool->done, 0);
    atomic_store(&pool->unfinished, n_tasks);
    for (int i = 0; i < pool->n_threads; i++) {
        uint64_t first = (uint64_t)tfx_cpu_split(n_tasks, pool->n_threads, i);
        uint64_t limit = (uint64_t)tfx_cpu_split(n_tasks, pool->n_threads, i + 1);
        atomic_store_explicit(&pool->queues[i].word, limit << 32 | first, memory_order_release);
    }
    atomic_fetch_add(&pool->epoch, 1);
    if (atomic_load(&pool->sleepers))
        futex_wake(&pool->epoch);
    work(pool, 0);
    for (int spins = 0; !atomic_load_explicit(&pool->done, memory_order_acquire); spins++) {
        if (spins < SPINS) {
            pause_briefly();
            continue;
        }
        atomic_store(&pool->caller_sleeps, 1);
        if (!atomic_load(&pool->done))
            futex_wait(&pool->done, 0);
        atomic_store(&pool->caller_sleeps, 0);
    }
}
