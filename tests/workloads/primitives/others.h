/* malloc's arena, glib's locks, and futex(2) called directly. */
#pragma once

#define CHUNKS 120000
static struct site *arena_site;

static void fragment_arena(void)
{
    static void *chunks[CHUNKS];
    for (int i = 0; i < CHUNKS; i++)
        chunks[i] = malloc(1200);
    for (int i = 0; i < CHUNKS; i += 2)
        free(chunks[i]);
    free(malloc(5000));
}

/* mallinfo2 walks every free chunk under the arena's lock. */
static void *arena_walker(void *argument)
{
    (void)argument;
    name_thread("walker");
    while (!stopping) {
        volatile size_t in_use = mallinfo2().uordblks;
        (void)in_use;
        sleep_us(8000);
    }
    return NULL;
}

NOINLINE static void *allocate(void)
{
    uint64_t start = now();
    void *p = malloc(3000);
    note(arena_site, now() - start);
    return p;
}

static void *arena_user(void *argument)
{
    (void)argument;
    name_thread("allocator");
    while (!stopping) {
        free(allocate());
        sleep_us(300);
    }
    return NULL;
}

static GMutex g_mutex;
static GCond g_cond;
static GMutex g_cond_mutex;
static int g_jobs;
static struct site *g_mutex_site, *g_cond_site;

NOINLINE static void lock_gmutex(void)
{
    TIMED(g_mutex_site, (g_mutex_lock(&g_mutex), 0));
    asm volatile("");
}

static void *hold_gmutex(void *argument)
{
    (void)argument;
    name_thread("gmutex");
    while (!stopping) {
        lock_gmutex();
        sleep_us(2000);
        g_mutex_unlock(&g_mutex);
        sleep_us(500);
    }
    return NULL;
}

NOINLINE static void wait_gcond(void)
{
    TIMED(g_cond_site, (g_cond_wait(&g_cond, &g_cond_mutex), 0));
    asm volatile("");
}

static void *gcond_waiter(void *argument)
{
    (void)argument;
    name_thread("gcond");
    g_mutex_lock(&g_cond_mutex);
    while (!stopping) {
        while (!g_jobs && !stopping)
            wait_gcond();
        g_jobs = 0;
    }
    g_mutex_unlock(&g_cond_mutex);
    return NULL;
}

static void *gcond_signaller(void *argument)
{
    (void)argument;
    name_thread("gsignal");
    while (!stopping) {
        sleep_us(1000);
        g_mutex_lock(&g_cond_mutex);
        g_jobs = 1;
        g_mutex_unlock(&g_cond_mutex);
        g_cond_signal(&g_cond);
    }
    sleep_us(20000);
    g_cond_broadcast(&g_cond);
    return NULL;
}

static atomic_int word;
static struct site *raw_site;

NOINLINE static void wait_raw(int seen)
{
    TIMED(raw_site, syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0));
    asm volatile("");
}

static void *raw_waiter(void *argument)
{
    (void)argument;
    name_thread("raw");
    while (!stopping)
        wait_raw(word);
    return NULL;
}

static void *raw_waker(void *argument)
{
    (void)argument;
    name_thread("rawwaker");
    while (!stopping) {
        sleep_us(1500);
        word++;
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    }
    sleep_us(20000);
    word++;
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    return NULL;
}
