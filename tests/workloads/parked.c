/* One thread parked for ever in each way to wait. Prints `tid kind base` for each of them, then `ready`.
 * Base 0: the thread waits in no futex.
 * usage: parked
 */
#include <errno.h>
#include <glib.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static struct timespec never;
static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER, again = PTHREAD_MUTEX_INITIALIZER, robust, pi, shared;
static pthread_mutex_t helper[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_rwlock_t read_held = PTHREAD_RWLOCK_INITIALIZER, write_held = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER, relock = PTHREAD_COND_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static pthread_cond_t job = PTHREAD_COND_INITIALIZER, quiet = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t job_guard = PTHREAD_MUTEX_INITIALIZER, quiet_guard = PTHREAD_MUTEX_INITIALIZER;
static sem_t sem, timed_sem;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static mtx_t c11_mutex;
static cnd_t c11_cond;
static mtx_t c11_guard;
static uint32_t word;
static GMutex g_lock, g_guard;
static GCond g_cond;

static void forever(void)
{
    for (;;)
        pause();
}

#define PARK(name, kind, base, ...)                              \
    static void *name(void *unused)                              \
    {                                                            \
        (void)unused;                                            \
        printf("%ld %s %#lx\n", syscall(SYS_gettid), kind, (unsigned long)(base)); \
        __VA_ARGS__;                                             \
        return NULL;                                             \
    }

static pthread_t sleeper;
static void *sleep_forever(void *unused)
{
    forever();
    return unused;
}

PARK(in_mutex, "mutex", &plain, pthread_mutex_lock(&plain))
PARK(in_timedlock, "mutex", &plain, pthread_mutex_timedlock(&plain, &never))
PARK(in_robust, "mutex", &robust, pthread_mutex_lock(&robust))
PARK(in_shared, "mutex", &shared, pthread_mutex_lock(&shared))
PARK(in_pi, "pi-mutex", &pi, pthread_mutex_lock(&pi))
PARK(in_rdlock, "rwlock-read", &write_held, pthread_rwlock_rdlock(&write_held))
PARK(in_wrlock, "rwlock-write", &write_held, pthread_rwlock_wrlock(&write_held))
PARK(in_timedwrlock, "rwlock-write", &read_held, pthread_rwlock_timedwrlock(&read_held, &never))
PARK(in_sem, "sem", &sem, sem_wait(&sem))
PARK(in_timed_sem, "sem", &timed_sem, sem_timedwait(&timed_sem, &never))
PARK(in_cond, "cond", &cond, pthread_mutex_lock(&helper[0]), pthread_cond_wait(&cond, &helper[0]))
PARK(in_timed_cond, "cond", &turned, pthread_mutex_lock(&helper[2]), pthread_cond_timedwait(&turned, &helper[2], &never))
PARK(in_relock, "mutex", &again, pthread_mutex_lock(&again), pthread_cond_wait(&relock, &again))
PARK(in_barrier, "barrier", &barrier, pthread_barrier_wait(&barrier))
PARK(in_first_once, "other", 0, pthread_once(&once, forever))
PARK(in_once, "once", &once, pthread_once(&once, forever))
PARK(in_join, "join", sleeper, pthread_join(sleeper, NULL))
PARK(in_mtx, "mutex", &c11_mutex, mtx_lock(&c11_mutex))
PARK(in_cnd, "cond", &c11_cond, mtx_lock(&c11_guard), cnd_wait(&c11_cond, &c11_guard))
PARK(in_raw, "other", &word, syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0))

/* A name that libvirt gives to the wait for a domain's job. */
__attribute__((noinline)) void qemuDomainObjBeginJob(void);
void qemuDomainObjBeginJob(void)
{
    pthread_mutex_lock(&job_guard);
    pthread_cond_wait(&job, &job_guard);
    __asm__ volatile("");
}

PARK(in_job, "job", &job, qemuDomainObjBeginJob())

/* glibc before 2.41: a signaller waits until the waiters signalled before have left. The first waiter never leaves,
 * because it is held up in a signal handler. */
static void hold_up(int unused)
{
    (void)unused;
    forever();
}
PARK(in_held_up, "other", 0, pthread_mutex_lock(&quiet_guard), pthread_cond_wait(&quiet, &quiet_guard))
PARK(in_quiet, "cond", &quiet, pthread_mutex_lock(&quiet_guard), pthread_cond_wait(&quiet, &quiet_guard))
PARK(in_signal, "signalled", &quiet, pthread_cond_signal(&quiet), forever())

PARK(in_g_mutex, "mutex", &g_lock, g_mutex_lock(&g_lock))
PARK(in_g_cond, "cond", &g_cond, g_mutex_lock(&g_guard), g_cond_wait(&g_cond, &g_guard))

static pthread_t start(void *(*body)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, NULL))
        exit(1);
    usleep(20000);
    return thread;
}

static void hold_everything(void)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &a);
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&pi, &a);
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared, &a);
    mtx_init(&c11_mutex, mtx_plain);
    mtx_init(&c11_guard, mtx_plain);
    cnd_init(&c11_cond);
    sem_init(&sem, 0, 0);
    sem_init(&timed_sem, 0, 0);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_mutex_lock(&plain);
    pthread_mutex_lock(&robust);
    pthread_mutex_lock(&shared);
    pthread_mutex_lock(&pi);
    pthread_rwlock_wrlock(&write_held);
    pthread_rwlock_rdlock(&read_held);
    mtx_lock(&c11_mutex);
    g_mutex_lock(&g_lock);
}

/* The second group of a condition variable's waiters: after a signal new ones wait on the other word. */
static void *pass_once(void *unused)
{
    pthread_mutex_lock(&helper[2]);
    pthread_cond_wait(&turned, &helper[2]);
    pthread_mutex_unlock(&helper[2]);
    return unused;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    clock_gettime(CLOCK_REALTIME, &never);
    never.tv_sec += 3600;
    hold_everything();
    pthread_create(&sleeper, NULL, sleep_forever, NULL);
    start(pass_once);
    pthread_cond_signal(&turned);
    usleep(20000);
    void *(*bodies[])(void *) = {in_mutex, in_timedlock, in_robust, in_shared, in_pi, in_rdlock, in_wrlock,
                                 in_timedwrlock, in_sem, in_timed_sem, in_cond, in_timed_cond, in_relock,
                                 in_barrier, in_first_once, in_once, in_join, in_mtx, in_cnd, in_raw,
                                 in_g_mutex, in_g_cond, in_job};
    for (unsigned i = 0; i < sizeof bodies / sizeof *bodies; i++)
        start(bodies[i]);
    signal(SIGUSR1, hold_up);
    pthread_kill(start(in_held_up), SIGUSR1);
    usleep(20000);
    pthread_cond_signal(&quiet);
    start(in_quiet);
    start(in_signal);
    pthread_mutex_lock(&again);
    pthread_cond_signal(&relock);
    usleep(20000);
    puts("ready");
    forever();
}
