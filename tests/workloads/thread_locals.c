/* Locks in thread-local variables: of the program, for its first thread and for another, of a library that was
 * there from the start, and of one that is loaded later, whose path is the argument.
 *
 * The protocol is that of truth.h.
 */
#include "truth.h"
#include <dlfcn.h>

#define ROUNDS 20

static __thread long padding[5];
static __thread struct {
    long key;
    pthread_mutex_t lock;
} own __attribute__((aligned(64)));

static pthread_mutex_t *locks[4];
static pthread_barrier_t published;

NOINLINE static void hold(pthread_mutex_t *mutex)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(mutex);
        sleep_us(2000);
        pthread_mutex_unlock(mutex);
        sleep_us(500);
    }
}

static void *work(void *unused)
{
    for (int i = 0; i < 4; i++)
        hold(locks[i]);
    return unused;
}

static pthread_mutex_t *of_library(void *library, const char *function)
{
    pthread_mutex_t *(*address)(void) = (pthread_mutex_t * (*)(void)) dlsym(library, function);
    return address ? address() : NULL;
}

/* The thread whose variables the others wait for: it lives on. */
__attribute__((noreturn)) static void *own_them(void *library)
{
    name_thread("owner");
    padding[0] = 1;
    locks[1] = &own.lock;
    locks[2] = of_library(RTLD_DEFAULT, "address_of_initial");
    locks[3] = of_library(library, "address_of_late");
    pthread_barrier_wait(&published);
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    pthread_t owner, workers[2];
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    locks[0] = &own.lock;
    pthread_barrier_init(&published, NULL, 2);
    pthread_create(&owner, NULL, own_them, library);
    pthread_barrier_wait(&published);
    if (!locks[2] || !locks[3])
        return 1;
    get_ready();
    for (int i = 0; i < 2; i++)
        pthread_create(&workers[i], NULL, work, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(workers[i], NULL);
    printf("{\"pid\": %d, \"first\": %lu, \"own\": %lu, \"initial\": %lu, \"late\": %lu}\n", getpid(), (unsigned long)locks[0],
           (unsigned long)locks[1], (unsigned long)locks[2], (unsigned long)locks[3]);
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    return 0;
}
