/* Every way to wait that glibc and glib offer, all at once, each by threads of its own.
 * usage: primitives SECONDS
 */
#include "truth.h"
#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <linux/futex.h>
#include <malloc.h>
#include <semaphore.h>
#include <sys/mman.h>

static atomic_int stopping;

#include "primitives/mutexes.h"
#include "primitives/counters.h"
#include "primitives/meetings.h"
#include "primitives/others.h"

static pthread_t threads[128];
static int thread_count;

static void start(void *(*run)(void *), void *argument, int copies)
{
    for (int i = 0; i < copies; i++)
        pthread_create(&threads[thread_count++], NULL, run, argument ? argument : (void *)(uintptr_t)(i + 1));
}

static void make_sites(void)
{
    for (size_t i = 0; i < MUTEXES; i++)
        make_mutex(&mutexes[i]);
    timed_realtime = site("timed", "mutex", "lock_timed", &timed_mutex, sizeof timed_mutex);
    timed_monotonic = site("timed", "mutex", "lock_clock", &timed_mutex, sizeof timed_mutex);
    reading = site("rwlock", "rwlock", "lock_read", &rwlock, sizeof rwlock);
    writing = site("rwlock", "rwlock", "lock_write", &rwlock, sizeof rwlock);
    sem_site = site("semaphore", "sem", "take_sem", &semaphore, sizeof semaphore);
    consume_site = site("items", "sem", "consume_item", &items, sizeof items);
    pool_site = site("pool_cond", "cond", "wait_job", &pool_cond, sizeof pool_cond);
    relock_site = site("relock_cond", "cond", "wait_round", &relock_cond, sizeof relock_cond);
    barrier_site = site("barrier", "barrier", "meet", &barrier, sizeof barrier);
    once_site = site("onces", "once", "run_once", onces, sizeof onces);
    join_site = site("join", "join", "join_one", NULL, 0);
    arena_site = site("arena", "arena", "allocate", NULL, 0);
    g_mutex_site = site("g_mutex", "mutex", "lock_gmutex", &g_mutex, sizeof g_mutex);
    g_cond_site = site("g_cond", "cond", "wait_gcond", &g_cond, sizeof g_cond);
    raw_site = site("word", "other", "wait_raw", &word, sizeof word);
}

static void start_all(void)
{
    for (size_t i = 0; i < MUTEXES; i++)
        start(hold_mutex, &mutexes[i], 3);
    start(hold_timed, NULL, 3);
    start(hold_rwlock, NULL, 4);
    start(hold_sem, NULL, 3);
    start(consume, NULL, 1);
    start(produce, NULL, 1);
    start(pool_worker, NULL, 3);
    start(pool_feeder, NULL, 1);
    start(relock_waiter, NULL, 2);
    start(relock_signaller, NULL, 1);
    start(barrier_thread, NULL, 3);
    start(once_thread, NULL, 3);
    start(joiner, NULL, 1);
    start(arena_walker, NULL, 1);
    start(arena_user, NULL, 2);
    start(hold_gmutex, NULL, 3);
    start(gcond_waiter, NULL, 1);
    start(gcond_signaller, NULL, 1);
    start(raw_waiter, NULL, 1);
    start(raw_waker, NULL, 1);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 5;
    char facts[200];
    mallopt(M_ARENA_MAX, 1);
    fragment_arena();
    sem_init(&semaphore, 0, 1);
    sem_init(&items, 0, 0);
    pthread_barrier_init(&barrier, NULL, 3);
    last_round = (int)(seconds * 300);
    make_sites();
    get_ready();
    start_all();
    usleep((useconds_t)(seconds * 1e6));
    stopping = 1;
    for (int i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    snprintf(facts, sizeof facts, ", \"timeouts\": %d, \"relock_mutex\": %llu", (int)timeouts,
             (unsigned long long)(uintptr_t)&relock_mutex);
    finish(facts);
    return 0;
}
