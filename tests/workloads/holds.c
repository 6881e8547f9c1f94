/* Two functions hold one lock for about 1 ms and 9 ms while others wait: whose fault is the waiting?
 * The waiting that each hold causes is summed by the program: waiters are counted while it lasts.
 * usage: holds SECONDS
 */
#include "truth.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, outer = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t recursive, checked;
static struct site *wait_site, *outer_site;
static atomic_ullong short_ns, long_ns, taken;
static atomic_int stopping, waiting;

/* Waiter-nanoseconds of one hold, sampled by its own short sleeps. */
static uint64_t hold(int us)
{
    uint64_t caused = 0, last = now(), end = last + (uint64_t)us * 1000;
    while (last < end) {
        uint64_t next;
        int n = waiting;
        sleep_us(100);
        next = now();
        caused += (uint64_t)(n + waiting) * (next - last) / 2;
        last = next;
    }
    return caused;
}

static void take(void)
{
    waiting++;
    TIMED(wait_site, pthread_mutex_lock(&mutex));
    waiting--;
    taken++;
}

NOINLINE static void release_short(void)
{
    pthread_mutex_unlock(&mutex);
    asm volatile("");
}

NOINLINE static void release_long(void)
{
    pthread_mutex_unlock(&mutex);
    asm volatile("nop");
}

NOINLINE static void hold_short(void)
{
    take();
    short_ns += hold(1000);
    release_short();
}

NOINLINE static void hold_long(void)
{
    take();
    long_ns += hold(9000);
    release_long();
}

static void *short_holder(void *argument)
{
    (void)argument;
    name_thread("short");
    while (!stopping) {
        hold_short();
        sleep_us(1000);
    }
    return NULL;
}

static void *long_holder(void *argument)
{
    (void)argument;
    name_thread("long");
    while (!stopping) {
        hold_long();
        sleep_us(1000);
    }
    return NULL;
}

/* Takes the outer lock, then the recursive one twice, then the error-checking one: each counts once. */
static void *nester(void *argument)
{
    (void)argument;
    name_thread("nester");
    while (!stopping) {
        TIMED(outer_site, pthread_mutex_lock(&outer));
        pthread_mutex_lock(&recursive);
        pthread_mutex_lock(&recursive);
        pthread_mutex_lock(&checked);
        pthread_mutex_lock(&checked);
        sleep_us(1000);
        pthread_mutex_unlock(&checked);
        pthread_mutex_unlock(&recursive);
        pthread_mutex_unlock(&recursive);
        pthread_mutex_unlock(&outer);
        sleep_us(200);
    }
    return NULL;
}

static void make(pthread_mutex_t *m, int type)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, type);
    pthread_mutex_init(m, &a);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 5;
    static void *(*const plan[])(void *) = {short_holder, short_holder, short_holder, long_holder, nester, nester};
    pthread_t threads[6];
    char facts[400];
    make(&recursive, PTHREAD_MUTEX_RECURSIVE);
    make(&checked, PTHREAD_MUTEX_ERRORCHECK);
    wait_site = site("mutex", "mutex", "take", &mutex, sizeof mutex);
    outer_site = site("outer", "mutex", "nester", &outer, sizeof outer);
    get_ready();
    for (int i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, plan[i], NULL);
    usleep((useconds_t)(seconds * 1e6));
    stopping = 1;
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    snprintf(facts, sizeof facts,
             ", \"caused_by_short_ns\": %llu, \"caused_by_long_ns\": %llu, \"taken\": %llu, \"outer_taken\": %llu, "
             "\"recursive\": %llu, \"checked\": %llu",
             (unsigned long long)short_ns, (unsigned long long)long_ns, (unsigned long long)taken,
             (unsigned long long)outer_site->calls, (unsigned long long)(uintptr_t)&recursive,
             (unsigned long long)(uintptr_t)&checked);
    finish(facts);
    return 0;
}
