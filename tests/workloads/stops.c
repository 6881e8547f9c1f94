/* Takes mutexes and times each: `stops THREADS PAUSE_US SLOW_US`.
 *
 * Each thread has a mutex of its own and takes it once per PAUSE_US. `ready PID` on stdout, and work begins after a
 * line on stdin; each further line is answered by one of JSON: how many took SLOW_US or longer so far, though nobody
 * else had the mutex. It ends with stdin.
 */
#include "truth.h"

enum { MOST_THREADS = 64 };

struct worker {
    pthread_mutex_t mutex;
    char apart[128];
};

static struct worker workers[MOST_THREADS];
static atomic_ulong slow;
static uint64_t pause_us, slow_ns;

static void *work(void *argument)
{
    struct worker *mine = argument;
    for (;;) {
        uint64_t began = now();
        pthread_mutex_lock(&mine->mutex);
        pthread_mutex_unlock(&mine->mutex);
        if (now() - began >= slow_ns)
            atomic_fetch_add(&slow, 1);
        sleep_us(pause_us);
    }
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t thread;
    char line[16];
    if (count != 4 || atoi(arguments[1]) > MOST_THREADS)
        return 2;
    pause_us = (uint64_t)atol(arguments[2]);
    slow_ns = (uint64_t)atol(arguments[3]) * 1000;
    printf("ready %d\n", getpid());
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        return 1;
    for (int i = 0; i < atoi(arguments[1]); i++) {
        pthread_mutex_init(&workers[i].mutex, NULL);
        pthread_create(&thread, NULL, work, &workers[i]);
    }
    while (fgets(line, sizeof line, stdin)) {
        printf("{\"slow\": %lu}\n", slow);
        fflush(stdout);
    }
    return 0;
}
