// Threads parked for ever where naming their frames is not trivial: C++ methods and templates, a static function,
// a signal handler, generated code with a perf map. Prints `ready` when all of them are asleep.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

#define NOINLINE [[gnu::noinline]]

namespace shop {

struct Till {
    NOINLINE void wait_turn(int number)
    {
        pthread_mutex_lock(&gate); // method
        pthread_mutex_unlock(&gate);
        asm volatile("" : : "r"(number));
    }
};

template <typename T> NOINLINE void wait_with(T value)
{
    pthread_mutex_lock(&gate); // template
    pthread_mutex_unlock(&gate);
    asm volatile("" : : "m"(value));
}

} // namespace shop

NOINLINE static void quiet_wait()
{
    pthread_mutex_lock(&gate); // static
    pthread_mutex_unlock(&gate);
}

static void on_signal(int)
{
    pthread_mutex_lock(&gate); // handler
    pthread_mutex_unlock(&gate);
}

NOINLINE static void interrupted()
{
    volatile unsigned long spins = 0;
    for (;;)
        spins = spins + 1;
}

// push rbp; mov rbp, rsp; call rdi; pop rbp; ret
static const unsigned char generated[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

static void run_generated()
{
    void *code = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(code, generated, sizeof generated);
    std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
    if (FILE *map = fopen(path.c_str(), "w")) {
        fprintf(map, "%lx %zx js:hot;loop\n", reinterpret_cast<unsigned long>(code), sizeof generated);
        fclose(map);
    }
    reinterpret_cast<void (*)(void (*)())>(code)(quiet_wait);
    asm volatile("");
}

int main()
{
    pthread_mutex_lock(&gate);
    std::thread([] { shop::Till().wait_turn(1); }).detach();
    std::thread([] { shop::wait_with(std::string("x")); }).detach();
    std::thread(quiet_wait).detach();
    std::thread(run_generated).detach();
    signal(SIGUSR1, on_signal);
    std::thread spinner(interrupted);
    usleep(50000);
    pthread_kill(spinner.native_handle(), SIGUSR1);
    usleep(50000);
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
