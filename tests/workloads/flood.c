/* More words, or more stacks, than a tracer's tables have room for, beside a mutex that two threads quarrel about.
 * usage: flood words N | flood stacks N
 *
 * Each of the N waits ends by its timeout at once. The JSON line tells how many there were, and where the words lie.
 */
#include "truth.h"
#include <linux/futex.h>

enum { DEPTH = 18 }; /* two ways to call at each level: 262,144 stacks */

static uint32_t *words;
static long waits;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct site *mutex_site;
static atomic_int stopping;

static void wait_briefly(uint32_t *word)
{
    struct timespec timeout = {0, 1};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, &timeout, NULL, 0);
    waits++;
}

/* By a path of calls of its own for each `path`. */
NOINLINE static void descend(long path, int level)
{
    if (level == DEPTH)
        wait_briefly(words);
    else if (path >> level & 1) {
        descend(path, level + 1);
        asm volatile("nop");
    } else {
        descend(path, level + 1);
        asm volatile("nop; nop");
    }
}

static void *quarrel(void *unused)
{
    name_thread("quarrel");
    while (!stopping) {
        TIMED(mutex_site, pthread_mutex_lock(&mutex));
        sleep_us(1000);
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

int main(int count, char **arguments)
{
    pthread_t threads[2];
    char facts[100];
    if (count != 3)
        return 2;
    long n = atol(arguments[2]);
    int many_words = arguments[1][0] == 'w';
    words = calloc((size_t)n, sizeof *words);
    mutex_site = site("mutex", "mutex", "quarrel", &mutex, sizeof mutex);
    get_ready();
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, quarrel, NULL);
    sleep_us(300000);
    for (long i = 0; i < n; i++) {
        if (many_words)
            wait_briefly(&words[i]);
        else
            descend(i, 0);
        if (i % 100 == 0)
            sleep_us(1000); /* who reads the events keeps up */
    }
    sleep_us(300000);
    stopping = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    snprintf(facts, sizeof facts, ", \"waits\": %ld, \"words\": %llu", waits, (unsigned long long)(uintptr_t)words);
    finish(facts);
    return 0;
}
