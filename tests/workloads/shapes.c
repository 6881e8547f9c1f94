/* Threads that wait for ever for one mutex, each from below a stack of its own shape.
 * Prints `ready PID` once all of them are there. usage: shapes
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all_here;

NOINLINE void wait_for_ever(void)
{
    pthread_mutex_lock(&gate);
    asm volatile("" ::: "memory");
}

NOINLINE void plain(void)
{
    wait_for_ever();
    asm volatile("" ::: "memory");
}

NOINLINE void recurse(int depth)
{
    if (depth)
        recurse(depth - 1);
    else
        wait_for_ever();
    asm volatile("" ::: "memory");
}

NOINLINE void deep(void)
{
    recurse(60);
    asm volatile("" ::: "memory");
}

NOINLINE void beyond_the_limit(void)
{
    recurse(300);
    asm volatile("" ::: "memory");
}

NOINLINE void with_alloca(void)
{
    volatile char *p = alloca((unsigned)getpid() % 4000 + 16);
    p[0] = 1;
    wait_for_ever();
    p[1] = 2;
}

/* Over-aligned locals and alloca together: the frame is found through a saved argument pointer. */
NOINLINE void realigned(void)
{
    volatile char block[64] __attribute__((aligned(64)));
    volatile char *p = alloca((unsigned)getpid() % 4000 + 16);
    block[0] = p[0] = 1;
    wait_for_ever();
    p[1] = block[0];
}

static void on_signal(int number)
{
    (void)number;
    wait_for_ever();
    asm volatile("" ::: "memory");
}

NOINLINE void in_a_handler(void)
{
    raise(SIGUSR1);
    asm volatile("" ::: "memory");
}

static int order(const void *a, const void *b)
{
    wait_for_ever();
    return *(const int *)a - *(const int *)b;
}

NOINLINE void below_a_callback(void)
{
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof numbers[0], order);
    asm volatile("" ::: "memory");
}

static void *run(void *shape)
{
    pthread_barrier_wait(&all_here);
    ((void (*)(void))shape)();
    return NULL;
}

int main(void)
{
    void (*shapes[])(void) = {plain,     deep,         beyond_the_limit, with_alloca,
                              realigned, in_a_handler, below_a_callback};
    unsigned count = sizeof shapes / sizeof shapes[0], i;
    pthread_t thread;
    pthread_barrier_init(&all_here, NULL, count + 1);
    signal(SIGUSR1, on_signal);
    pthread_mutex_lock(&gate);
    for (i = 0; i < count; i++)
        pthread_create(&thread, NULL, run, (void *)shapes[i]);
    pthread_barrier_wait(&all_here);
    usleep(300000);
    printf("ready %d\n", getpid());
    fflush(stdout);
    for (;;)
        pause();
}
