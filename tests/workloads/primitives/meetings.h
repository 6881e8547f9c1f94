/* Conditions, a barrier, pthread_once and joins. */
#pragma once

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
