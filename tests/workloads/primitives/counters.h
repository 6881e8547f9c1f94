/* A rwlock and semaphores. */
#pragma once

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore, items;
static struct site *reading, *writing, *sem_site, *consume_site;

NOINLINE static void lock_read(void)
{
    TIMED(reading, pthread_rwlock_rdlock(&rwlock));
    asm volatile("");
}

NOINLINE static void lock_write(void)
{
    TIMED(writing, pthread_rwlock_wrlock(&rwlock));
    asm volatile("nop");
}

static void *hold_rwlock(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    name_thread("rwlock");
    while (!stopping) {
        if (rand_r(&seed) % 3 == 0)
            lock_write();
        else
            lock_read();
        sleep_us(1000);
        pthread_rwlock_unlock(&rwlock);
        sleep_us(1000);
    }
    return NULL;
}

NOINLINE static void take_sem(void)
{
    TIMED(sem_site, sem_wait(&semaphore));
    asm volatile("");
}

static void *hold_sem(void *argument)
{
    (void)argument;
    name_thread("sem");
    while (!stopping) {
        take_sem();
        sleep_us(1000);
        sem_post(&semaphore);
        sleep_us(500);
    }
    return NULL;
}

NOINLINE static void consume_item(void)
{
    TIMED(consume_site, sem_wait(&items));
    asm volatile("");
}

/* A consumer never posts: no call of its own parts one wait from the next. */
static void *consume(void *argument)
{
    (void)argument;
    name_thread("consumer");
    while (!stopping) {
        uint64_t end;
        consume_item();
        for (end = now() + 10000; now() < end;)
            ;
    }
    return NULL;
}

static void *produce(void *argument)
{
    (void)argument;
    name_thread("producer");
    while (!stopping) {
        sleep_us(600);
        sem_post(&items);
    }
    for (int i = 0; i < 8; i++)
        sem_post(&items);
    return NULL;
}
