/* A small bank with three locks that its threads quarrel about: what `scripts/lockwatch demo` looks at.
 * usage: demo SECONDS
 */
#include "truth.h"
#include <semaphore.h>

/* Keeps the call before it from becoming a jump, which no stack would show. */
#define RETURN_HERE asm volatile("")

static pthread_mutex_t ledger_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rates_lock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t connections;
static struct site *transferring, *auditing, *reading_rates, *updating_rates, *connecting;
static atomic_int closing;

NOINLINE static void transfer(void)
{
    TIMED(transferring, pthread_mutex_lock(&ledger_lock));
    sleep_us(1000);
    pthread_mutex_unlock(&ledger_lock);
    RETURN_HERE;
}

NOINLINE static void audit(void)
{
    TIMED(auditing, pthread_mutex_lock(&ledger_lock));
    sleep_us(9000);
    pthread_mutex_unlock(&ledger_lock);
    RETURN_HERE;
}

NOINLINE static void read_rates(void)
{
    TIMED(reading_rates, pthread_rwlock_rdlock(&rates_lock));
    sleep_us(300);
    pthread_rwlock_unlock(&rates_lock);
    RETURN_HERE;
}

NOINLINE static void update_rates(void)
{
    TIMED(updating_rates, pthread_rwlock_wrlock(&rates_lock));
    sleep_us(4000);
    pthread_rwlock_unlock(&rates_lock);
    RETURN_HERE;
}

NOINLINE static void query_database(void)
{
    TIMED(connecting, sem_wait(&connections));
    sleep_us(3000);
    sem_post(&connections);
    RETURN_HERE;
}

static void *teller(void *argument)
{
    (void)argument;
    name_thread("teller");
    while (!closing) {
        read_rates();
        query_database();
        transfer();
        sleep_us(2000);
    }
    return NULL;
}

static void *auditor(void *argument)
{
    (void)argument;
    name_thread("auditor");
    while (!closing) {
        audit();
        sleep_us(30000);
    }
    return NULL;
}

static void *trader(void *argument)
{
    (void)argument;
    name_thread("trader");
    while (!closing) {
        update_rates();
        sleep_us(15000);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[8];
    double seconds = argc > 1 ? atof(argv[1]) : 10;
    sem_init(&connections, 0, 2);
    transferring = site("ledger_lock", "mutex", "transfer", &ledger_lock, sizeof ledger_lock);
    auditing = site("ledger_lock", "mutex", "audit", &ledger_lock, sizeof ledger_lock);
    reading_rates = site("rates_lock", "rwlock", "read_rates", &rates_lock, sizeof rates_lock);
    updating_rates = site("rates_lock", "rwlock", "update_rates", &rates_lock, sizeof rates_lock);
    connecting = site("connections", "sem", "query_database", &connections, sizeof connections);
    get_ready();
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, i < 6 ? teller : i == 6 ? auditor : trader, NULL);
    usleep((useconds_t)(seconds * 1e6));
    closing = 1;
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    finish("");
    return 0;
}
