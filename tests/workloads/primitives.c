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

/* ---- mutexes and others that are held for a while: lock, sleep, unlock ------------------------------------ */

struct held_lock {
    const char *name, *kind;
    int type, robust, shared, pi;
    pthread_mutex_t *mutex;
    struct site *first, *second;
};

static struct held_lock mutexes[] = {
    {"normal", "mutex", PTHREAD_MUTEX_NORMAL, 0, 0, 0, 0, 0, 0},
    {"recursive", "mutex", PTHREAD_MUTEX_RECURSIVE, 0, 0, 0, 0, 0, 0},
    {"errorcheck", "mutex", PTHREAD_MUTEX_ERRORCHECK, 0, 0, 0, 0, 0, 0},
    {"adaptive", "mutex", PTHREAD_MUTEX_ADAPTIVE_NP, 0, 0, 0, 0, 0, 0},
    {"robust", "mutex", PTHREAD_MUTEX_NORMAL, 1, 0, 0, 0, 0, 0},
    {"shared", "mutex", PTHREAD_MUTEX_NORMAL, 0, 1, 0, 0, 0, 0},
    {"shared-robust", "mutex", PTHREAD_MUTEX_NORMAL, 1, 1, 0, 0, 0, 0},
    {"pi", "pi-mutex", PTHREAD_MUTEX_NORMAL, 0, 0, 1, 0, 0, 0},
    {"pi-robust", "pi-mutex", PTHREAD_MUTEX_NORMAL, 1, 0, 1, 0, 0, 0},
};
#define MUTEXES (sizeof mutexes / sizeof *mutexes)

static void make_mutex(struct held_lock *l)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, l->type);
    pthread_mutexattr_setrobust(&a, l->robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
    pthread_mutexattr_setpshared(&a, l->shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
    pthread_mutexattr_setprotocol(&a, l->pi ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE);
    l->mutex = l->shared ? mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
                         : calloc(1, sizeof *l->mutex);
    pthread_mutex_init(l->mutex, &a);
    l->first = site(l->name, l->kind, "lock_first", l->mutex, sizeof *l->mutex);
    l->second = site(l->name, l->kind, "lock_second", l->mutex, sizeof *l->mutex);
}

NOINLINE static void lock_first(struct held_lock *l)
{
    TIMED(l->first, pthread_mutex_lock(l->mutex));
    asm volatile("");
}

NOINLINE static void lock_second(struct held_lock *l)
{
    TIMED(l->second, pthread_mutex_lock(l->mutex));
    asm volatile("nop");
}

static void *hold_mutex(void *argument)
{
    struct held_lock *l = argument;
    name_thread(l->name);
    for (int i = 0; !stopping; i++) {
        if (i % 2)
            lock_first(l);
        else
            lock_second(l);
        sleep_us(2000);
        pthread_mutex_unlock(l->mutex);
        sleep_us(500);
    }
    return NULL;
}

static pthread_mutex_t timed_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct site *timed_realtime, *timed_monotonic;
static atomic_int timeouts;

static struct timespec in_us(clockid_t clock, long us)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += us * 1000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

NOINLINE static int lock_timed(void)
{
    struct timespec t = in_us(CLOCK_REALTIME, 3000);
    return (int)TIMED(timed_realtime, pthread_mutex_timedlock(&timed_mutex, &t));
}

NOINLINE static int lock_clock(void)
{
    struct timespec t = in_us(CLOCK_MONOTONIC, 3000);
    return (int)TIMED(timed_monotonic, pthread_mutex_clocklock(&timed_mutex, CLOCK_MONOTONIC, &t));
}

static void *hold_timed(void *argument)
{
    (void)argument;
    name_thread("timed");
    for (int i = 0; !stopping; i++) {
        if ((i % 2 ? lock_timed() : lock_clock()) == 0) {
            sleep_us(2000);
            pthread_mutex_unlock(&timed_mutex);
        } else {
            timeouts++;
        }
        sleep_us(300);
    }
    return NULL;
}

/* ---- rwlock, semaphores ------------------------------------------------------------------------------------ */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore, items;
static struct site *reading, *writing, *sem_site, *consume_site;

NOINLINE static void lock_read(void)
{
    TIMED(reading, pthread_rwlock_rdlock(&rwlock));
    asm volatile("");
}

NOINLINE static void lock_write(void)
{
    TIMED(writing, pthread_rwlock_wrlock(&rwlock));
    asm volatile("nop");
}

static void *hold_rwlock(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    name_thread("rwlock");
    while (!stopping) {
        if (rand_r(&seed) % 3 == 0)
            lock_write();
        else
            lock_read();
        sleep_us(1000);
        pthread_rwlock_unlock(&rwlock);
        sleep_us(1000);
    }
    return NULL;
}

NOINLINE static void take_sem(void)
{
    TIMED(sem_site, sem_wait(&semaphore));
    asm volatile("");
}

static void *hold_sem(void *argument)
{
    (void)argument;
    name_thread("sem");
    while (!stopping) {
        take_sem();
        sleep_us(1000);
        sem_post(&semaphore);
        sleep_us(500);
    }
    return NULL;
}

NOINLINE static void consume_item(void)
{
    TIMED(consume_site, sem_wait(&items));
    asm volatile("");
}

/* A consumer never posts: no call of its own parts one wait from the next. */
static void *consume(void *argument)
{
    (void)argument;
    name_thread("consumer");
    while (!stopping) {
        uint64_t end;
        consume_item();
        for (end = now() + 10000; now() < end;)
            ;
    }
    return NULL;
}

static void *produce(void *argument)
{
    (void)argument;
    name_thread("producer");
    while (!stopping) {
        sleep_us(600);
        sem_post(&items);
    }
    for (int i = 0; i < 8; i++)
        sem_post(&items);
    return NULL;
}

/* ---- conditions, barrier, once, join ------------------------------------------------------------------------ */

static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER, relock_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t pool_cond = PTHREAD_COND_INITIALIZER, relock_cond = PTHREAD_COND_INITIALIZER;
static struct site *pool_site, *relock_site;
static int jobs, round_number;

NOINLINE static void wait_job(void)
{
    TIMED(pool_site, pthread_cond_wait(&pool_cond, &pool_mutex));
    asm volatile("");
}

static void *pool_worker(void *argument)
{
    (void)argument;
    name_thread("pool");
    pthread_mutex_lock(&pool_mutex);
    while (!stopping) {
        while (!jobs && !stopping)
            wait_job();
        jobs = jobs ? jobs - 1 : 0;
        pthread_mutex_unlock(&pool_mutex);
        sleep_us(200);
        pthread_mutex_lock(&pool_mutex);
    }
    pthread_mutex_unlock(&pool_mutex);
    return NULL;
}

static void *pool_feeder(void *argument)
{
    (void)argument;
    name_thread("feeder");
    while (!stopping) {
        sleep_us(700);
        pthread_mutex_lock(&pool_mutex);
        jobs++;
        pthread_mutex_unlock(&pool_mutex);
        pthread_cond_signal(&pool_cond);
    }
    sleep_us(20000);
    pthread_cond_broadcast(&pool_cond);
    return NULL;
}

NOINLINE static void wait_round(void)
{
    TIMED(relock_site, pthread_cond_wait(&relock_cond, &relock_mutex));
    asm volatile("");
}

/* Woken while the signaller still holds the mutex: the wait goes on as a wait for the mutex. */
static void *relock_waiter(void *argument)
{
    (void)argument;
    name_thread("relock");
    while (!stopping) {
        pthread_mutex_lock(&relock_mutex);
        for (int round = round_number; round == round_number && !stopping;)
            wait_round();
        pthread_mutex_unlock(&relock_mutex);
    }
    return NULL;
}

static void *relock_signaller(void *argument)
{
    (void)argument;
    name_thread("signaller");
    while (!stopping) {
        sleep_us(2000);
        pthread_mutex_lock(&relock_mutex);
        round_number++;
        pthread_cond_broadcast(&relock_cond);
        sleep_us(1500);
        pthread_mutex_unlock(&relock_mutex);
    }
    sleep_us(20000);
    pthread_cond_broadcast(&relock_cond);
    return NULL;
}

static pthread_barrier_t barrier;
static struct site *barrier_site;
static atomic_int last_round;

/* The last to arrive does not wait: it wakes the others. */
NOINLINE static void meet(void)
{
    uint64_t start = now();
    if (pthread_barrier_wait(&barrier) != PTHREAD_BARRIER_SERIAL_THREAD)
        note(barrier_site, now() - start);
}

static void *barrier_thread(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    name_thread("barrier");
    for (int i = 0; i < last_round; i++) {
        sleep_us(500 + (uint64_t)(rand_r(&seed) % 3000));
        meet();
    }
    return NULL;
}

#define ONCES 400
static pthread_once_t onces[ONCES];
static struct site *once_site;
static __thread int ran_here;

static void slow_init(void)
{
    ran_here = 1;
    sleep_us(4000);
}

NOINLINE static void run_once(pthread_once_t *once)
{
    uint64_t start = now();
    ran_here = 0;
    pthread_once(once, slow_init);
    if (!ran_here)
        note(once_site, now() - start);
}

static void *once_thread(void *argument)
{
    (void)argument;
    name_thread("once");
    for (int i = 0; i < ONCES && !stopping; i++)
        run_once(&onces[i]);
    return NULL;
}

static struct site *join_site;

static void *short_life(void *argument)
{
    (void)argument;
    name_thread("short");
    sleep_us(3000);
    return NULL;
}

NOINLINE static void join_one(pthread_t thread)
{
    TIMED(join_site, pthread_join(thread, NULL));
    asm volatile("");
}

static void *joiner(void *argument)
{
    (void)argument;
    name_thread("joiner");
    while (!stopping) {
        pthread_t thread;
        pthread_create(&thread, NULL, short_life, NULL);
        join_one(thread);
    }
    return NULL;
}

/* ---- malloc's arena, glib, raw futex -------------------------------------------------------------------------- */

#define CHUNKS 120000
static struct site *arena_site;

static void fragment_arena(void)
{
    static void *chunks[CHUNKS];
    for (int i = 0; i < CHUNKS; i++)
        chunks[i] = malloc(1200);
    for (int i = 0; i < CHUNKS; i += 2)
        free(chunks[i]);
    free(malloc(5000));
}

/* mallinfo2 walks every free chunk under the arena's lock. */
static void *arena_walker(void *argument)
{
    (void)argument;
    name_thread("walker");
    while (!stopping) {
        volatile size_t in_use = mallinfo2().uordblks;
        (void)in_use;
        sleep_us(8000);
    }
    return NULL;
}

NOINLINE static void *allocate(void)
{
    uint64_t start = now();
    void *p = malloc(3000);
    note(arena_site, now() - start);
    return p;
}

static void *arena_user(void *argument)
{
    (void)argument;
    name_thread("allocator");
    while (!stopping) {
        free(allocate());
        sleep_us(300);
    }
    return NULL;
}

static GMutex g_mutex;
static GCond g_cond;
static GMutex g_cond_mutex;
static int g_jobs;
static struct site *g_mutex_site, *g_cond_site;

NOINLINE static void lock_gmutex(void)
{
    TIMED(g_mutex_site, (g_mutex_lock(&g_mutex), 0));
    asm volatile("");
}

static void *hold_gmutex(void *argument)
{
    (void)argument;
    name_thread("gmutex");
    while (!stopping) {
        lock_gmutex();
        sleep_us(2000);
        g_mutex_unlock(&g_mutex);
        sleep_us(500);
    }
    return NULL;
}

NOINLINE static void wait_gcond(void)
{
    TIMED(g_cond_site, (g_cond_wait(&g_cond, &g_cond_mutex), 0));
    asm volatile("");
}

static void *gcond_waiter(void *argument)
{
    (void)argument;
    name_thread("gcond");
    g_mutex_lock(&g_cond_mutex);
    while (!stopping) {
        while (!g_jobs && !stopping)
            wait_gcond();
        g_jobs = 0;
    }
    g_mutex_unlock(&g_cond_mutex);
    return NULL;
}

static void *gcond_signaller(void *argument)
{
    (void)argument;
    name_thread("gsignal");
    while (!stopping) {
        sleep_us(1000);
        g_mutex_lock(&g_cond_mutex);
        g_jobs = 1;
        g_mutex_unlock(&g_cond_mutex);
        g_cond_signal(&g_cond);
    }
    sleep_us(20000);
    g_cond_broadcast(&g_cond);
    return NULL;
}

static atomic_int word;
static struct site *raw_site;

NOINLINE static void wait_raw(int seen)
{
    TIMED(raw_site, syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0));
    asm volatile("");
}

static void *raw_waiter(void *argument)
{
    (void)argument;
    name_thread("raw");
    while (!stopping)
        wait_raw(word);
    return NULL;
}

static void *raw_waker(void *argument)
{
    (void)argument;
    name_thread("rawwaker");
    while (!stopping) {
        sleep_us(1500);
        word++;
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    }
    sleep_us(20000);
    word++;
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    return NULL;
}

/* ---- main -------------------------------------------------------------------------------------------------------- */

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
