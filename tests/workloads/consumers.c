/* Threads that do nothing but take from a semaphore, and one that posts.
 * usage: consumers ITEMS CONSUMERS...     a semaphore for each number of consumers, one after the other
 * An item is posted when every consumer has been seen asleep, and so each is one wait of one sleep.
 */
#include "truth.h"
#include <semaphore.h>

#define PERIOD_US 500

struct line {
    char name[32];
    int consumers;
    sem_t items;
    struct site *site;
    atomic_int closing, tids[8];
};

NOINLINE static void consume(struct line *line)
{
    TIMED(line->site, sem_wait(&line->items));
    asm volatile("");
}

static void *consumer(void *argument)
{
    struct line *line = argument;
    int number = 0, none = 0;
    name_thread("consumer");
    while (!atomic_compare_exchange_strong(&line->tids[number], &none, (int)tid())) {
        number++;
        none = 0;
    }
    do
        consume(line);
    while (!line->closing);
    return NULL;
}

/* The kernel's own word: a thread that has been woken is running, even before it gets a CPU. */
static int is_asleep_or_gone(int tid)
{
    char path[64], text[8] = "";
    FILE *file;
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    file = fopen(path, "r");
    if (!file)
        return tid != 0;
    if (!fgets(text, sizeof text, file))
        strcpy(text, "gone");
    fclose(file);
    return !strncmp(text, "202 ", 4) || !strcmp(text, "gone");
}

static void await_sleepers(struct line *line)
{
    for (int i = 0; i < line->consumers; i++)
        while (!is_asleep_or_gone(line->tids[i]))
            sleep_us(PERIOD_US);
}

static void post(struct line *line)
{
    sleep_us(PERIOD_US);
    await_sleepers(line);
    sem_post(&line->items);
}

static void run(struct line *line, int items)
{
    pthread_t threads[line->consumers];
    for (int i = 0; i < line->consumers; i++)
        pthread_create(&threads[i], NULL, consumer, line);
    for (int i = line->consumers; i < items; i++)
        post(line);
    await_sleepers(line);
    line->closing = 1;
    for (int i = 0; i < line->consumers; i++)
        post(line);
    for (int i = 0; i < line->consumers; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    struct line *lines = calloc((size_t)argc, sizeof *lines);
    for (int i = 2; i < argc; i++) {
        lines[i].consumers = atoi(argv[i]);
        snprintf(lines[i].name, sizeof lines[i].name, "%s", argv[i]);
        sem_init(&lines[i].items, 0, 0);
        lines[i].site = site(lines[i].name, "sem", "consume", &lines[i].items, sizeof lines[i].items);
    }
    get_ready();
    for (int i = 2; i < argc; i++)
        run(&lines[i], atoi(argv[1]));
    finish("");
    return 0;
}
