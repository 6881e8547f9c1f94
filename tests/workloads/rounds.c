/* Threads that wait on a condition for one signal after the other: each wait is short, all together they are long.
 * usage: rounds SECONDS THREADS MS
 */
#include "truth.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t next_round = PTHREAD_COND_INITIALIZER;
static unsigned round_number;
static int over;

static void *take_part(void *argument)
{
    unsigned seen = 0;
    (void)argument;
    name_thread("player");
    pthread_mutex_lock(&mutex);
    while (!over) {
        while (round_number == seen && !over)
            pthread_cond_wait(&next_round, &mutex);
        seen = round_number;
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

NOINLINE static void begin_round(int last)
{
    pthread_mutex_lock(&mutex);
    round_number++;
    over = last;
    pthread_mutex_unlock(&mutex);
    pthread_cond_broadcast(&next_round);
    asm volatile("");
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 2;
    int count = argc > 2 ? atoi(argv[2]) : 8, ms = argc > 3 ? atoi(argv[3]) : 20;
    pthread_t threads[count];
    site("round", "cond", "take_part", &next_round, sizeof next_round);
    get_ready();
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, take_part, NULL);
    for (uint64_t end = seconds_from_now(seconds); now() < end;) {
        usleep((useconds_t)ms * 1000);
        begin_round(0);
    }
    begin_round(1);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    finish("");
    return 0;
}
