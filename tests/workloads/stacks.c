/* Awkward stacks: each thread waits for `gate` from below a shape of its own.
 * usage: stacks SECONDS HOLD_US PLUGIN.so     HOLD_US: how long the gate is held at a time
 */
#include "truth.h"
#include <alloca.h>
#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int stopping;
static int hold_us = 2000;
static const char *plugin_path;
static struct site *gate_site;

NOINLINE void pass_gate(void)
{
    TIMED(gate_site, pthread_mutex_lock(&gate));
    pthread_mutex_unlock(&gate);
    sleep_us(200);
}

static void *gate_keeper(void *argument)
{
    (void)argument;
    name_thread("keeper");
    while (!stopping) {
        pthread_mutex_lock(&gate);
        sleep_us((uint64_t)hold_us);
        pthread_mutex_unlock(&gate);
        sleep_us(1000);
    }
    return NULL;
}

NOINLINE void recurse(int depth)
{
    if (depth)
        recurse(depth - 1);
    else
        pass_gate();
    asm volatile("" ::: "memory");
}

NOINLINE void with_alloca(unsigned size)
{
    volatile char *p = alloca(size % 4000 + 16);
    p[0] = 1;
    pass_gate();
    p[1] = 2;
}

/* Over-aligned locals and alloca together: the frame is found through a saved argument pointer. */
NOINLINE void realigned(unsigned size)
{
    volatile char block[64] __attribute__((aligned(64)));
    volatile char *p = alloca(size % 4000 + 16);
    block[0] = p[0] = 1;
    pass_gate();
    p[1] = block[0];
}

NOINLINE void on_signal(int number)
{
    (void)number;
    pass_gate();
    asm volatile("" ::: "memory");
}

NOINLINE void raise_signal(void)
{
    pthread_kill(pthread_self(), SIGUSR1);
    asm volatile("" ::: "memory");
}

/* push rbp; mov rbp, rsp; call rdi; pop rbp; ret: code of a compiler at run time, without unwind rows. */
static void (*make_jitted(void))(void (*)(void))
{
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
    char name[64];
    FILE *map;
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    snprintf(name, sizeof name, "/tmp/perf-%d.map", getpid());
    map = fopen(name, "w");
    fprintf(map, "%lx %zx jitted_function\n", (unsigned long)page, sizeof code);
    fclose(map);
    return (void (*)(void (*)(void)))(uintptr_t)page;
}

static void *deep_thread(void *argument)
{
    (void)argument;
    name_thread("deep");
    while (!stopping)
        recurse(100);
    return NULL;
}

static void *deeper_thread(void *argument)
{
    (void)argument;
    name_thread("deeper");
    while (!stopping)
        recurse(200);
    return NULL;
}

static void *alloca_thread(void *argument)
{
    (void)argument;
    name_thread("alloca");
    for (unsigned i = 0; !stopping; i += 97)
        with_alloca(i);
    return NULL;
}

static void *realigned_thread(void *argument)
{
    (void)argument;
    name_thread("realigned");
    for (unsigned i = 0; !stopping; i += 97)
        realigned(i);
    return NULL;
}

static void *signal_thread(void *argument)
{
    (void)argument;
    name_thread("signal");
    while (!stopping)
        raise_signal();
    return NULL;
}

static void *jit_thread(void *argument)
{
    void (*jitted)(void (*)(void)) = make_jitted();
    (void)argument;
    name_thread("jit");
    while (!stopping)
        jitted(pass_gate);
    return NULL;
}

/* The library is loaded half a second after work began. */
static void *plugin_thread(void *argument)
{
    void (*call)(void (*)(void));
    (void)argument;
    name_thread("plugin");
    sleep_us(500000);
    *(void **)&call = dlsym(dlopen(plugin_path, RTLD_NOW), "plugin_entry");
    while (!stopping)
        call(pass_gate);
    return NULL;
}

NOINLINE void *short_lived(void *argument)
{
    (void)argument;
    name_thread("short-lived");
    pass_gate();
    return NULL;
}

static void *churn_thread(void *argument)
{
    (void)argument;
    name_thread("churn");
    while (!stopping) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, short_lived, NULL);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static void *(*const shapes[])(void *) = {gate_keeper,     deep_thread, deeper_thread, alloca_thread, realigned_thread,
                                              signal_thread, jit_thread,  churn_thread,  plugin_thread};
    int count = (int)(sizeof shapes / sizeof *shapes) - (argc < 4);
    pthread_t threads[16];
    double seconds = argc > 1 ? atof(argv[1]) : 3;
    char name[64];
    struct sigaction action = {.sa_handler = on_signal};
    hold_us = argc > 2 ? atoi(argv[2]) : hold_us;
    plugin_path = argc > 3 ? argv[3] : NULL;
    sigaction(SIGUSR1, &action, NULL);
    gate_site = site("gate", "mutex", "pass_gate", &gate, sizeof gate);
    get_ready();
    for (int i = 0; i < count; i++) {
        pthread_create(&threads[i], NULL, shapes[i], NULL);
        usleep(i ? 0 : 20000); /* the keeper is first */
    }
    usleep((useconds_t)(seconds * 1e6));
    stopping = 1;
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    finish("");
    snprintf(name, sizeof name, "/tmp/perf-%d.map", getpid());
    unlink(name);
    return 0;
}
