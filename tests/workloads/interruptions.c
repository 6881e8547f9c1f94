/* Waits that signals, a stop of the whole process and cancellation interrupt, each for a lock of its own.
 * What ends one is a function of its own, and so a release site.
 */
#include "truth.h"
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>

#define STEP_US 100000
#define STEP __attribute__((noipa)) /* not even merged with another of the same text */

enum way { SEM, TIMED_SEM, TIMED_MUTEX, TIMED_COND };

static const struct sort {
    const char *name;
    enum way way;
    int seconds; /* that a timed wait may last */
} sorts[] = {
    {"timeout", TIMED_SEM, 1},     {"posted", TIMED_SEM, 100},     {"plain", SEM, 0},
    {"restarted", TIMED_MUTEX, 100}, {"repeated", TIMED_MUTEX, 100}, {"given up", TIMED_SEM, 100},
    {"changed", TIMED_SEM, 100},   {"changed plain", SEM, 0},      {"cancelled", TIMED_SEM, 100},
    {"cancelled cond", TIMED_COND, 100}, {"fed", TIMED_SEM, 100},
};
enum { TIMEOUT, POSTED, PLAIN, RESTARTED, REPEATED, GIVEN_UP, CHANGED, CHANGED_PLAIN, CANCELLED, CANCELLED_COND, FED, WAITS };

static struct shared {
    sem_t stop, goes_on;
    atomic_ullong stopped_at, stopping_ns;
    struct wait {
        const struct sort *sort;
        struct site *site;
        pthread_t thread;
        atomic_int tid;
        uint64_t began;
        sem_t sem;
        pthread_mutex_t mutex;
        pthread_cond_t cond;
    } waits[WAITS];
} *shared; /* with the process that stops this one */

static void on_signal(int number)
{
    (void)number;
}

static void handle(int number, int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    sigaction(number, &action, NULL);
}

static void wait_for(struct wait *wait, const struct timespec *end)
{
    switch (wait->sort->way) {
    case SEM:
        sem_wait(&wait->sem);
        break;
    case TIMED_SEM:
        sem_timedwait(&wait->sem, end);
        break;
    case TIMED_MUTEX:
        pthread_mutex_timedlock(&wait->mutex, end);
        break;
    case TIMED_COND:
        pthread_cond_timedwait(&wait->cond, &wait->mutex, end);
    }
}

/* Also where the thread is cancelled. What found its semaphore posted after the stop has not slept since. */
static void ended(void *argument)
{
    struct wait *wait = argument;
    int changed = wait == &shared->waits[CHANGED] || wait == &shared->waits[CHANGED_PLAIN];
    note(wait->site, (changed ? shared->stopped_at : now()) - wait->began);
}

static void *run(void *argument)
{
    struct wait *wait = argument;
    struct timespec end;
    wait->tid = (int)tid();
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += wait->sort->seconds;
    if (wait->sort->way == TIMED_COND)
        pthread_mutex_lock(&wait->mutex);
    wait->began = now();
    pthread_cleanup_push(ended, wait);
    wait_for(wait, &end);
    if (wait == &shared->waits[FED]) /* another wait, by the same instruction */
        wait_for(wait, &end);
    pthread_cleanup_pop(1);
    return NULL;
}

static void make(struct wait *wait, const struct sort *sort)
{
    void *lock = &wait->sem;
    wait->sort = sort;
    sem_init(&wait->sem, 1, 0);
    pthread_mutex_init(&wait->mutex, NULL);
    pthread_cond_init(&wait->cond, NULL);
    if (sort->way == TIMED_MUTEX) {
        lock = &wait->mutex;
        pthread_mutex_lock(lock);
    } else if (sort->way == TIMED_COND)
        lock = &wait->cond;
    wait->site = site(sort->name, "", "run", lock, sort->way == SEM || sort->way == TIMED_SEM ? sizeof(sem_t) : 40);
}

/* ---- the process that stops this one ------------------------------------------------------------------- */

static int is_stopped(int process, int task)
{
    char path[64], text[256] = "", *state;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", process, task);
    file = fopen(path, "r");
    if (!file)
        return 1;
    if (!fgets(text, sizeof text, file))
        strcpy(text, ") T");
    fclose(file);
    state = strrchr(text, ')');
    return state && state[2] == 'T';
}

/* While it is stopped, two of its semaphores get what they are waited for: its waits are not asleep to be woken. */
static void stop_and_go_on(int process)
{
    uint64_t stopping = now();
    kill(process, SIGSTOP);
    for (int i = 0; i < WAITS; i++)
        while (!is_stopped(process, shared->waits[i].tid))
            usleep(1000);
    shared->stopped_at = now();
    shared->stopping_ns = shared->stopped_at - stopping;
    sem_post(&shared->waits[CHANGED].sem);
    sem_post(&shared->waits[CHANGED_PLAIN].sem);
    usleep(STEP_US);
    kill(process, SIGCONT);
}

static void start_stopper(void)
{
    int process = getpid();
    if (fork())
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sem_wait(&shared->stop);
    stop_and_go_on(process);
    sem_post(&shared->goes_on);
    _exit(0);
}

/* ---- what ends the waits ------------------------------------------------------------------------------- */

STEP static void post_it(struct wait *wait)
{
    sem_post(&wait->sem);
    asm volatile("");
}

STEP static void let_go(struct wait *wait)
{
    pthread_mutex_unlock(&wait->mutex);
    asm volatile("");
}

static void signal_all(struct wait *all)
{
    for (int i = 0; i < 3; i++) {
        usleep(STEP_US);
        pthread_kill(all[RESTARTED].thread, SIGUSR1);
        pthread_kill(all[REPEATED].thread, SIGUSR2);
    }
    pthread_kill(all[GIVEN_UP].thread, SIGUSR2);
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct wait *all = shared->waits;
    char facts[64];
    sem_init(&shared->stop, 1, 0);
    sem_init(&shared->goes_on, 1, 0);
    handle(SIGUSR1, SA_RESTART);
    handle(SIGUSR2, 0);
    for (int i = 0; i < WAITS; i++)
        make(&all[i], &sorts[i]);
    start_stopper();
    get_ready();
    for (int i = 0; i < WAITS; i++)
        pthread_create(&all[i].thread, NULL, run, &all[i]);
    signal_all(all);
    usleep(STEP_US);
    sem_post(&shared->stop);
    while (sem_wait(&shared->goes_on))
        ;
    usleep(STEP_US);
    post_it(&all[POSTED]);
    post_it(&all[PLAIN]);
    post_it(&all[FED]);
    let_go(&all[RESTARTED]);
    let_go(&all[REPEATED]);
    pthread_cancel(all[CANCELLED].thread);
    pthread_cancel(all[CANCELLED_COND].thread);
    usleep(STEP_US);
    post_it(&all[FED]);
    for (int i = 0; i < WAITS; i++)
        pthread_join(all[i].thread, NULL);
    snprintf(facts, sizeof facts, ", \"stopping_ns\": %llu", (unsigned long long)shared->stopping_ns);
    finish(facts);
    return 0;
}
