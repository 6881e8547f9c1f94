/* Threads that stay blocked.
 * usage: stuck deadlock   three threads in a circle, as soon as work begins
 *        stuck holder     one thread holds a mutex for good, another waits for it, a third waits on a condition
 *        stuck robust     threads die one after the other holding a robust mutex, another takes it over
 */
#include "truth.h"
#include <errno.h>

static pthread_mutex_t forks[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, robust, cond_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t seated;
static struct site *robust_site;
static atomic_uint tids[3];

NOINLINE static void take_second_fork(pthread_mutex_t *fork)
{
    pthread_mutex_lock(fork);
    pthread_mutex_unlock(fork);
}

static void *philosopher(void *argument)
{
    long i = (long)argument;
    char name[16];
    snprintf(name, sizeof name, "philosopher-%ld", i);
    name_thread(name);
    tids[i] = tid();
    pthread_mutex_lock(&forks[i]);
    pthread_barrier_wait(&seated);
    take_second_fork(&forks[(i + 1) % 3]);
    return NULL;
}

static void *holder(void *argument)
{
    (void)argument;
    name_thread("holder");
    tids[0] = tid();
    pthread_mutex_lock(&mutex);
    pthread_barrier_wait(&seated);
    for (;;)
        pause();
    return NULL;
}

NOINLINE static void wait_for_good(void)
{
    pthread_mutex_lock(&mutex);
    asm volatile("");
}

static void *waiter(void *argument)
{
    (void)argument;
    name_thread("waiter");
    tids[1] = tid();
    pthread_barrier_wait(&seated);
    wait_for_good();
    return NULL;
}

static void *idler(void *argument)
{
    (void)argument;
    name_thread("idler");
    tids[2] = tid();
    pthread_barrier_wait(&seated);
    pthread_mutex_lock(&cond_mutex);
    pthread_cond_wait(&never, &cond_mutex);
    return NULL;
}

static void *die_holding(void *argument)
{
    (void)argument;
    name_thread("mortal");
    if (TIMED(robust_site, pthread_mutex_lock(&robust)) == EOWNERDEAD)
        pthread_mutex_consistent(&robust);
    sleep_us(2000);
    return NULL;
}

static void run_robust(void)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &a);
    for (int i = 0; i < 300; i++) {
        pthread_t threads[2];
        for (int j = 0; j < 2; j++)
            pthread_create(&threads[j], NULL, die_holding, NULL);
        for (int j = 0; j < 2; j++)
            pthread_join(threads[j], NULL);
    }
}

int main(int argc, char **argv)
{
    static void *(*const plans[2][3])(void *) = {{philosopher, philosopher, philosopher}, {holder, waiter, idler}};
    const char *mode = argc > 1 ? argv[1] : "deadlock";
    char facts[120];
    pthread_t thread;
    pthread_barrier_init(&seated, NULL, 3);
    robust_site = site("robust", "mutex", "die_holding", &robust, sizeof robust);
    get_ready();
    if (mode[0] == 'r')
        run_robust();
    else
        for (long i = 0; i < 3; i++)
            pthread_create(&thread, NULL, plans[mode[0] == 'h'][i], (void *)i);
    while (mode[0] != 'r' && !(tids[0] && tids[1] && tids[2]))
        usleep(1000);
    usleep(50000);
    snprintf(facts, sizeof facts, ", \"tids\": [%u, %u, %u]", tids[0], tids[1], tids[2]);
    finish(facts);
    _exit(0);
}
