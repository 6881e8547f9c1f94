/* Waits on condition variables at one address, one after the other: a worker's idle waits, a domain's job from another
 * depth of the stack, idle waits again, and a job that stands exactly where those stood: `idle SECONDS`, of each.
 */
#include "truth.h"

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition;
static int signalled;
static atomic_int stopping;
static struct site *idle_site, *deep_site, *job_site;

static void *signal_often(void *unused)
{
    name_thread("signaller");
    while (!stopping) {
        sleep_us(2000);
        pthread_mutex_lock(&guard);
        signalled = 1;
        pthread_cond_signal(&condition);
        pthread_mutex_unlock(&guard);
    }
    return unused;
}

/* Two functions of one text: their frames are of one size. */
#define WAITS(name, where)                                                                                             \
    NOINLINE void name(void);                                                                                          \
    void name(void)                                                                                                    \
    {                                                                                                                  \
        pthread_mutex_lock(&guard);                                                                                    \
        while (!signalled)                                                                                             \
            TIMED(where, pthread_cond_wait(&condition, &guard));                                                       \
        signalled = 0;                                                                                                 \
        pthread_mutex_unlock(&guard);                                                                                  \
    }

WAITS(wait_idly, idle_site)
WAITS(qemuDomainObjBeginJob, job_site)
WAITS(virDomainObjBeginDeepJob, deep_site)

NOINLINE void wait_deeper(void);
void wait_deeper(void)
{
    char deeper[64];
    __asm__ volatile("" : : "r"(deeper) : "memory");
    virDomainObjBeginDeepJob();
    __asm__ volatile("");
}

NOINLINE static void repeat(void (*volatile wait)(void), double seconds)
{
    uint64_t end = seconds_from_now(seconds);
    pthread_cond_destroy(&condition);
    pthread_cond_init(&condition, NULL);
    while (now() < end)
        wait();
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 2;
    pthread_t signaller;
    idle_site = site("idle", "cond", "wait_idly", &condition, sizeof condition);
    job_site = site("job", "job", "qemuDomainObjBeginJob", &condition, sizeof condition);
    deep_site = site("deep job", "job", "virDomainObjBeginDeepJob", &condition, sizeof condition);
    pthread_cond_init(&condition, NULL);
    get_ready();
    pthread_create(&signaller, NULL, signal_often, NULL);
    repeat(wait_idly, seconds);
    repeat(wait_deeper, seconds);
    repeat(wait_idly, seconds);
    repeat(qemuDomainObjBeginJob, seconds);
    stopping = 1;
    pthread_join(signaller, NULL);
    finish("");
    return 0;
}
