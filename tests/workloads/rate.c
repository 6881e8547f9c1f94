/* Takes mutexes at a known rate and says how often: `rate THREADS WORK [OTHER_WORK [SECONDS]]`.
 *
 * Each thread has a mutex of its own and takes it once per WORK rounds of an empty loop; every eighth time it
 * takes one that all share, too. With OTHER_WORK it changes between the two every second. THREADS 0 does nothing.
 * Prints "ready", starts at the first line on stdin (or at once and for SECONDS, if given), stops at the next,
 * and prints a line "0xADDRESS COUNT" per mutex.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 64, SHARED_EVERY = 8 };

struct own {
    pthread_mutex_t mutex;
    long taken;
    char apart[128];
};

static struct own own[MOST_THREADS];
static pthread_mutex_t shared = PTHREAD_MUTEX_INITIALIZER;
static long shared_taken;
static long work[2];
static atomic_int stopped;
static atomic_int phase;

static void spin(long rounds) {
    for (volatile long i = 0; i < rounds; i++)
        ;
}

static void *take(void *argument) {
    struct own *mine = argument;
    while (!stopped) {
        pthread_mutex_lock(&mine->mutex);
        mine->taken++;
        pthread_mutex_unlock(&mine->mutex);
        if (mine->taken % SHARED_EVERY == 0) {
            pthread_mutex_lock(&shared);
            shared_taken++;
            pthread_mutex_unlock(&shared);
        }
        spin(work[phase]);
    }
    return NULL;
}

static void *swing(void *unused) {
    for (int second = 1; !stopped; second++) {
        sleep(1);
        phase = second & 1;
    }
    return unused;
}

static void await_line(void) {
    char line[16];
    if (!fgets(line, sizeof line, stdin))
        exit(1);
}

int main(int count, char **arguments) {
    pthread_t threads[MOST_THREADS], swinger;
    int wanted = count > 1 ? atoi(arguments[1]) : 1;
    work[0] = count > 2 ? atol(arguments[2]) : 0;
    work[1] = count > 3 ? atol(arguments[3]) : work[0];
    int seconds = count > 4 ? atoi(arguments[4]) : 0;
    if (wanted > MOST_THREADS)
        return 2;
    for (int i = 0; i < wanted; i++)
        pthread_mutex_init(&own[i].mutex, NULL);
    puts("ready");
    fflush(stdout);
    if (!seconds)
        await_line();
    for (int i = 0; i < wanted; i++)
        pthread_create(&threads[i], NULL, take, &own[i]);
    if (work[1] != work[0])
        pthread_create(&swinger, NULL, swing, NULL);
    if (seconds)
        sleep(seconds);
    else
        await_line();
    stopped = 1;
    for (int i = 0; i < wanted; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < wanted; i++)
        printf("%p %ld\n", (void *)&own[i].mutex, own[i].taken);
    printf("%p %ld\n", (void *)&shared, shared_taken);
    fflush(stdout);
    await_line();
    return 0;
}
