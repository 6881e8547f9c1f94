/* Mutexes of every type: lock, sleep, unlock. */
#pragma once

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
