/* Takes mutexes at a known rate: `rate SECONDS THREADS WORK [OTHER_WORK]`, by the protocol of truth.h.
 *
 * Each thread has a mutex of its own and takes it once per WORK rounds of an empty loop; every eighth time it takes
 * one that all share, too. With OTHER_WORK it changes between the two every second. The JSON line tells how often
 * each mutex was taken, and `own` sums up the threads' own ones.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
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

static void spin(long rounds)
{
    for (volatile long i = 0; i < rounds; i++)
        ;
}

static void *take(void *argument)
{
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

static void *swing(void *unused)
{
    for (int second = 1; !stopped; second++) {
        sleep(1);
        phase = second & 1;
    }
    return unused;
}

static void print(const char *before, const void *mutex, long taken)
{
    printf("%s{\"address\": \"%p\", \"taken\": %ld}", before, mutex, taken);
}

int main(int count, char **arguments)
{
    pthread_t threads[MOST_THREADS], swinger;
    char line[16];
    if (count < 4 || atoi(arguments[2]) > MOST_THREADS)
        return 2;
    int seconds = atoi(arguments[1]), wanted = atoi(arguments[2]);
    work[0] = atol(arguments[3]);
    work[1] = count > 4 ? atol(arguments[4]) : work[0];
    printf("ready %d\n", getpid());
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        return 1;
    for (int i = 0; i < wanted; i++) {
        pthread_mutex_init(&own[i].mutex, NULL);
        pthread_create(&threads[i], NULL, take, &own[i]);
    }
    if (work[1] != work[0])
        pthread_create(&swinger, NULL, swing, NULL);
    sleep(seconds);
    stopped = 1;
    long total = 0;
    for (int i = 0; i < wanted; i++) {
        pthread_join(threads[i], NULL);
        total += own[i].taken;
    }
    printf("{\"pid\": %d, \"seconds\": %d, \"own\": %ld, \"mutexes\": [", getpid(), seconds, total);
    print("", &shared, shared_taken);
    for (int i = 0; i < wanted; i++)
        print(", ", &own[i].mutex, own[i].taken);
    puts("]}");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        ;
    return 0;
}
