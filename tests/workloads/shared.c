/* A process-shared mutex in a file: `shared FILE create` makes it, `shared FILE` maps it at another address. */
#include "truth.h"
#include <fcntl.h>
#include <sys/mman.h>

#define LOCK_OFFSET 0x140
#define ROUNDS 60

static char *map_file(const char *path, int creates)
{
    int fd = open(path, creates ? O_RDWR | O_CREAT : O_RDWR, 0600);
    if (fd < 0 || ftruncate(fd, 8192) || (!creates && mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED))
        exit(1);
    char *start = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
    if (start == MAP_FAILED)
        exit(1);
    return start;
}

static void init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(mutex, &shared);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    pthread_mutex_t *mutex = (pthread_mutex_t *)(map_file(argv[1], argc > 2) + LOCK_OFFSET);
    if (argc > 2)
        init(mutex);
    get_ready();
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(mutex);
        sleep_us(3000);
        pthread_mutex_unlock(mutex);
        sleep_us(1000);
    }
    printf("{\"pid\": %d, \"lock\": %lu}\n", getpid(), (unsigned long)mutex);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
