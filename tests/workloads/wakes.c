/* Waits that end in less usual ways: after interruptions, by a wake of two words, on another word than they began.
 * What a step of the program does is a function of its own, and so a release site.
 */
#include "truth.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <signal.h>

#define STEP __attribute__((noipa)) /* not even merged with another of the same text */
#define WAITERS 3
#define STEP_US 100000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sem_t given_up;
static struct words {
    uint32_t one, other, skipped, awaited;
} wake_op;
static struct moving {
    uint32_t from, to;
    atomic_ullong before_ns, began_ns; /* waiter-nanoseconds before the move; the sum of the waiters' starts */
} requeue, cmp_requeue, futex2, pi;
static atomic_int begun;

static long futex(void *word, int operation, uint32_t value, uintptr_t number, void *second, uint32_t last)
{
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, number, second, last);
}

static void on_signal(int number)
{
    (void)number;
}

static void handle(int number, int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    sigaction(number, &action, NULL);
}

static pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run, argument);
    return thread;
}

/* ---- interruptions ------------------------------------------------------------------------------------ */

static void *lock_it(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void *give_up(void *argument)
{
    (void)argument;
    sem_wait(&given_up);
    return NULL;
}

STEP static void let_go(void)
{
    pthread_mutex_unlock(&mutex);
    asm volatile("");
}

static void interrupt(void)
{
    pthread_t locks, gives_up;
    handle(SIGUSR1, SA_RESTART);
    handle(SIGUSR2, 0);
    sem_init(&given_up, 0, 0);
    pthread_mutex_lock(&mutex);
    locks = start(lock_it, NULL);
    gives_up = start(give_up, NULL);
    for (int i = 0; i < 4; i++) {
        usleep(STEP_US);
        pthread_kill(locks, SIGUSR1);
    }
    pthread_kill(gives_up, SIGUSR2);
    usleep(STEP_US);
    let_go();
    pthread_join(locks, NULL);
    pthread_join(gives_up, NULL);
}

/* ---- FUTEX_WAKE_OP ------------------------------------------------------------------------------------- */

static void *wait_for(void *word)
{
    while (futex(word, FUTEX_WAIT, 0, 0, NULL, 0) && errno == EINTR)
        ;
    return NULL;
}

STEP static void wake_both(void)
{
    futex(&wake_op.one, FUTEX_WAKE_OP, 1, 1, &wake_op.other, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0));
    asm volatile("");
}

STEP static void wake_first_only(void)
{
    futex(&wake_op.skipped, FUTEX_WAKE_OP, 1, 1, &wake_op.awaited, FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_GT, 5));
    asm volatile("");
}

STEP static void wake_at_last(void)
{
    futex(&wake_op.awaited, FUTEX_WAKE, 1, 0, NULL, 0);
    asm volatile("");
}

static void wake_two(void)
{
    uint32_t *words[] = {&wake_op.one, &wake_op.other, &wake_op.skipped, &wake_op.awaited};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start(wait_for, words[i]);
    usleep(STEP_US);
    wake_both();
    wake_first_only();
    usleep(STEP_US);
    wake_at_last();
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

/* ---- requeues ------------------------------------------------------------------------------------------ */

static void *wait_to_be_moved(void *argument)
{
    struct moving *moving = argument;
    moving->began_ns += now();
    begun++;
    if (moving == &pi) {
        futex(&moving->from, FUTEX_WAIT_REQUEUE_PI, 0, 0, &moving->to, 0);
        futex(&moving->to, FUTEX_UNLOCK_PI, 0, 0, NULL, 0);
    } else
        wait_for(&moving->from);
    return NULL;
}

/* None is woken, all are moved: by CMP_REQUEUE_PI, whose second word is held, as well. */
STEP static void move_all(struct moving *moving)
{
    struct {
        uint64_t value, word;
        uint32_t flags, reserved;
    } entries[2] = {{0, (uintptr_t)&moving->from, 2 | FUTEX_PRIVATE_FLAG, 0},
                    {0, (uintptr_t)&moving->to, 2 | FUTEX_PRIVATE_FLAG, 0}};
    if (moving == &pi)
        futex(&moving->from, FUTEX_CMP_REQUEUE_PI, 1, INT_MAX, &moving->to, 0);
    else if (moving == &cmp_requeue)
        futex(&moving->from, FUTEX_CMP_REQUEUE, 0, INT_MAX, &moving->to, 0);
    else if (moving == &requeue)
        futex(&moving->from, FUTEX_REQUEUE, 0, INT_MAX, &moving->to, 0);
    else
        syscall(456, entries, 0, 0, INT_MAX);
    asm volatile("");
}

/* Those that have been moved wait for another word: this is no release of theirs. */
STEP static void wake_newcomer(struct moving *moving)
{
    futex(&moving->from, FUTEX_WAKE, INT_MAX, 0, NULL, 0);
    asm volatile("");
}

STEP static void wake_moved(struct moving *moving)
{
    if (moving == &pi)
        futex(&moving->to, FUTEX_UNLOCK_PI, 0, 0, NULL, 0);
    else
        futex(&moving->to, FUTEX_WAKE, INT_MAX, 0, NULL, 0);
    asm volatile("");
}

STEP static void wake_again(struct moving *moving)
{
    futex(&moving->from, FUTEX_WAKE, INT_MAX, 0, NULL, 0);
    asm volatile("");
}

static void move(struct moving *moving)
{
    pthread_t threads[WAITERS], newcomer;
    begun = 0;
    if (moving == &pi)
        futex(&moving->to, FUTEX_LOCK_PI, 0, 0, NULL, 0);
    for (int i = 0; i < WAITERS; i++)
        threads[i] = start(wait_to_be_moved, moving);
    while (begun < WAITERS)
        usleep(1000);
    usleep(STEP_US);
    moving->before_ns = WAITERS * now() - moving->began_ns;
    move_all(moving);
    if (moving != &pi) {
        newcomer = start(wait_for, &moving->from);
        usleep(STEP_US);
        wake_newcomer(moving);
        pthread_join(newcomer, NULL);
    }
    usleep(STEP_US);
    wake_moved(moving);
    for (int i = 0; i < WAITERS; i++)
        pthread_join(threads[i], NULL);
    newcomer = start(wait_for, &moving->from);
    usleep(STEP_US);
    wake_again(moving);
    pthread_join(newcomer, NULL);
}

int main(void)
{
    char facts[400];
    get_ready();
    site("interrupted", "mutex", "lock_it", &mutex, sizeof mutex);
    site("given up", "sem", "give_up", &given_up, sizeof given_up);
    site("one", "other", "wait_for", &wake_op.one, 4);
    site("other", "other", "wait_for", &wake_op.other, 4);
    site("skipped", "other", "wait_for", &wake_op.skipped, 4);
    site("awaited", "other", "wait_for", &wake_op.awaited, 4);
    site("requeue", "other", "wait_for", &requeue.from, 4);
    site("cmp_requeue", "other", "wait_for", &cmp_requeue.from, 4);
    site("futex2", "other", "wait_for", &futex2.from, 4);
    site("pi", "other", "wait_to_be_moved", &pi.from, 4);
    interrupt();
    wake_two();
    move(&requeue);
    move(&cmp_requeue);
    move(&pi);
    if (syscall(456, NULL, 0, 0, 0) < 0 && errno != ENOSYS)
        move(&futex2);
    snprintf(facts, sizeof facts, ", \"before_ns\": {\"requeue\": %llu, \"cmp_requeue\": %llu, \"pi\": %llu, \"futex2\": %llu}",
             (unsigned long long)requeue.before_ns, (unsigned long long)cmp_requeue.before_ns,
             (unsigned long long)pi.before_ns, (unsigned long long)futex2.before_ns);
    finish(facts);
    return 0;
}
