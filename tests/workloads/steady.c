/* Takes mutexes at a steady pace and tells how far it has come: `steady THREADS HOLD_US WORK`.
 *
 * HOLD_US > 0: all threads quarrel about one mutex, hold it so long, asleep, and pause as long. HOLD_US 0: each thread
 * has a mutex of its own and takes it once per WORK rounds of an empty loop.
 * `ready PID` on stdout, and work begins after a line on stdin; each further line is answered by one of JSON: acquisitions so far,
 * ns of CPU time, ns on the clock. It ends with stdin.
 */
#include "truth.h"

enum { MOST_THREADS = 64 };

struct worker {
    pthread_mutex_t mutex;
    atomic_ulong taken;
    char apart[128];
};

static struct worker workers[MOST_THREADS];
static pthread_mutex_t shared = PTHREAD_MUTEX_INITIALIZER;
static long work;
static uint64_t hold_us;

static void count(struct worker *mine)
{
    atomic_store_explicit(&mine->taken, mine->taken + 1, memory_order_relaxed);
}

static void *quarrel(void *argument)
{
    name_thread("quarrel");
    for (;;) {
        pthread_mutex_lock(&shared);
        sleep_us(hold_us);
        pthread_mutex_unlock(&shared);
        count(argument);
        sleep_us(hold_us);
    }
    return NULL;
}

static void *work_alone(void *argument)
{
    struct worker *mine = argument;
    for (;;) {
        pthread_mutex_lock(&mine->mutex);
        count(mine);
        pthread_mutex_unlock(&mine->mutex);
        for (volatile long i = 0; i < work; i++)
            ;
    }
    return NULL;
}

static void answer(int threads)
{
    struct timespec cpu;
    unsigned long taken = 0;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    for (int i = 0; i < threads; i++)
        taken += workers[i].taken;
    printf("{\"taken\": %lu, \"cpu_ns\": %llu, \"ns\": %llu}\n", taken,
           (unsigned long long)cpu.tv_sec * 1000000000ull + (unsigned long long)cpu.tv_nsec, (unsigned long long)now());
    fflush(stdout);
}

int main(int count_of_arguments, char **arguments)
{
    pthread_t thread;
    char line[16];
    if (count_of_arguments != 4 || atoi(arguments[1]) > MOST_THREADS)
        return 2;
    int threads = atoi(arguments[1]);
    hold_us = (uint64_t)atol(arguments[2]);
    work = atol(arguments[3]);
    printf("ready %d\n", getpid());
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        return 1;
    for (int i = 0; i < threads; i++) {
        pthread_mutex_init(&workers[i].mutex, NULL);
        pthread_create(&thread, NULL, hold_us ? quarrel : work_alone, &workers[i]);
    }
    while (fgets(line, sizeof line, stdin))
        answer(threads);
    return 0;
}
