/* One kind of lock after the other, each under its own load.
 * usage: contend KIND:THREADS:HOLD_US:SECONDS...     KIND: mutex rwlock pi sem robust timed reader
 * `reader`: readers with 20 us gaps against one writer.
 * The JSON line has `alone_ns`: what 1000 calls for each lock took before its load.
 */
#include "truth.h"
#include <semaphore.h>

struct phase {
    char name[64], kind[16];
    int threads, hold_us;
    double seconds;
    union {
        pthread_mutex_t mutex;
        pthread_rwlock_t rwlock;
        sem_t sem;
    } lock;
    struct site *odd, *even;
    uint64_t alone_ns; /* what 1000 calls take while nobody else is there, by the same clock */
    atomic_int stopping;
};

struct worker {
    struct phase *phase;
    int number;
};

/* Three in four calls of `reader` read; a third of `rwlock`'s calls write. */
static int writes(struct phase *p, int number, unsigned *seed)
{
    return p->kind[1] == 'e' ? number == 0 : rand_r(seed) % 3 == 0;
}

static long take(struct phase *p, int write)
{
    struct timespec far;
    switch (p->kind[0]) {
    case 'r':
        if (p->kind[1] == 'o')
            return pthread_mutex_lock(&p->lock.mutex);
        return write ? pthread_rwlock_wrlock(&p->lock.rwlock) : pthread_rwlock_rdlock(&p->lock.rwlock);
    case 's':
        return sem_wait(&p->lock.sem);
    case 't':
        clock_gettime(CLOCK_REALTIME, &far);
        far.tv_sec += 10;
        return pthread_mutex_timedlock(&p->lock.mutex, &far);
    default:
        return pthread_mutex_lock(&p->lock.mutex);
    }
}

static void release(struct phase *p)
{
    if (p->kind[0] == 's')
        sem_post(&p->lock.sem);
    else if (p->kind[0] == 'r' && p->kind[1] != 'o')
        pthread_rwlock_unlock(&p->lock.rwlock);
    else
        pthread_mutex_unlock(&p->lock.mutex);
}

NOINLINE static void take_odd(struct phase *p, int write)
{
    TIMED(p->odd, take(p, write));
    asm volatile("");
}

NOINLINE static void take_even(struct phase *p, int write)
{
    TIMED(p->even, take(p, write));
    asm volatile("nop");
}

static void *work(void *argument)
{
    struct worker *w = argument;
    struct phase *p = w->phase;
    unsigned seed = (unsigned)w->number + 7;
    name_thread(p->kind);
    while (!p->stopping) {
        int write = writes(p, w->number, &seed);
        if (w->number % 2)
            take_odd(p, write);
        else
            take_even(p, write);
        sleep_us((uint64_t)p->hold_us);
        release(p);
        sleep_us(p->kind[1] == 'e' && p->kind[0] == 'r' ? 20 : (uint64_t)p->hold_us);
    }
    return NULL;
}

static int is_rwlock(struct phase *p)
{
    return p->kind[0] == 'r' && p->kind[1] != 'o';
}

static void make(struct phase *p, const char *text)
{
    pthread_mutexattr_t a;
    const char *kind;
    snprintf(p->name, sizeof p->name, "%s", text);
    if (sscanf(text, "%15[^:]:%d:%d:%lf", p->kind, &p->threads, &p->hold_us, &p->seconds) != 4)
        exit(2);
    kind = is_rwlock(p) ? "rwlock" : p->kind[0] == 's' ? "sem" : p->kind[0] == 'p' ? "pi-mutex" : "mutex";
    pthread_mutexattr_init(&a);
    if (p->kind[0] == 'p')
        pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    if (p->kind[0] == 'r')
        pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    if (is_rwlock(p))
        pthread_rwlock_init(&p->lock.rwlock, NULL);
    else if (p->kind[0] == 's')
        sem_init(&p->lock.sem, 0, 1);
    else
        pthread_mutex_init(&p->lock.mutex, &a);
    p->odd = site(p->name, kind, "take_odd", &p->lock, sizeof p->lock);
    p->even = site(p->name, kind, "take_even", &p->lock, sizeof p->lock);
}

static void measure_alone(struct phase *p)
{
    for (int i = 0; i < 1000; i++) {
        uint64_t before = now();
        take(p, 0);
        p->alone_ns += now() - before;
        release(p);
    }
}

static void print_alone(char *text, size_t size, const struct phase *phases, int count)
{
    size_t used = (size_t)snprintf(text, size, ", \"alone_ns\": {");
    for (int i = 1; i < count; i++)
        used += (size_t)snprintf(text + used, size - used, "%s\"%s\": %llu", i > 1 ? ", " : "", phases[i].name,
                                 (unsigned long long)phases[i].alone_ns);
    snprintf(text + used, size - used, "}");
}

static void run(struct phase *p)
{
    pthread_t threads[p->threads];
    struct worker workers[p->threads];
    for (int i = 0; i < p->threads; i++) {
        workers[i] = (struct worker){p, i};
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    usleep((useconds_t)(p->seconds * 1e6));
    p->stopping = 1;
    for (int i = 0; i < p->threads; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    struct phase *phases = calloc((size_t)argc, sizeof *phases);
    size_t size = 100 * (size_t)(argc + 1);
    char *facts = malloc(size);
    for (int i = 1; i < argc; i++) {
        make(&phases[i], argv[i]);
        measure_alone(&phases[i]);
    }
    print_alone(facts, size, phases, argc);
    get_ready();
    for (int i = 1; i < argc; i++)
        run(&phases[i]);
    finish(facts);
    return 0;
}
