/* What every test program shares: it times its own blocking calls, and prints the sums as JSON.
 *
 * Protocol: `ready PID` on stdout; work begins after a line on stdin (or DELAY_MS milliseconds later, when that is
 * set); the JSON line follows the work; then the program lives on until stdin ends, so that it can be inspected.
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
#define LONG_NS 100000ull /* calls of at least this long are counted apart: the tests trace with --threshold 100us */
#define MAX_SITES 512

/* The calls of one function for one lock. Calls that ended by a timeout are kept in the same sums. */
struct site {
    const char *lock;
    const char *kind;
    const char *function;
    uint64_t address;
    uint64_t size; /* bytes from `address` in which the lock's words may lie */
    atomic_ullong calls, total_ns, waits, wait_ns, max_ns;
};

static struct site sites[MAX_SITES];
static atomic_int site_count;

static inline uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static inline struct site *site(const char *lock, const char *kind, const char *function, const void *address, uint64_t size)
{
    struct site *s = &sites[atomic_fetch_add(&site_count, 1)];
    s->lock = lock;
    s->kind = kind;
    s->function = function;
    s->address = (uint64_t)address;
    s->size = size;
    return s;
}

static inline void note(struct site *s, uint64_t ns)
{
    unsigned long long max = atomic_load(&s->max_ns);
    atomic_fetch_add(&s->calls, 1);
    atomic_fetch_add(&s->total_ns, ns);
    if (ns >= LONG_NS) {
        atomic_fetch_add(&s->waits, 1);
        atomic_fetch_add(&s->wait_ns, ns);
    }
    while (ns > max && !atomic_compare_exchange_weak(&s->max_ns, &max, ns))
        ;
}

/* Time one call; its value is the call's. */
#define TIMED(s, call)                                                                                                 \
    ({                                                                                                                 \
        uint64_t t0_ = now();                                                                                          \
        long result_ = (long)(call);                                                                                   \
        note((s), now() - t0_);                                                                                        \
        result_;                                                                                                       \
    })

static inline void sleep_us(uint64_t us)
{
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* Short sleeps are as long as asked for: the default slack of 50 us is more than a short hold. */
static inline void name_thread(const char *name)
{
    prctl(PR_SET_NAME, name);
    prctl(PR_SET_TIMERSLACK, 1000);
}

static inline uint32_t tid(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

static inline uint64_t seconds_from_now(double seconds)
{
    return now() + (uint64_t)(seconds * 1e9);
}

static inline void get_ready(void)
{
    const char *delay = getenv("DELAY_MS");
    prctl(PR_SET_TIMERSLACK, 1000);
    printf("ready %d\n", getpid());
    fflush(stdout);
    if (delay)
        usleep((useconds_t)atoi(delay) * 1000);
    else
        (void)!getchar();
}

static inline void print_sites(void)
{
    int n = atomic_load(&site_count);
    printf("\"sites\": [");
    for (int i = 0; i < n; i++) {
        struct site *s = &sites[i];
        printf("%s{\"lock\": \"%s\", \"kind\": \"%s\", \"function\": \"%s\", \"address\": %llu, \"size\": %llu, "
               "\"calls\": %llu, \"total_ns\": %llu, \"waits\": %llu, \"wait_ns\": %llu, \"max_ns\": %llu}",
               i ? ", " : "", s->lock, s->kind, s->function, (unsigned long long)s->address,
               (unsigned long long)s->size, (unsigned long long)s->calls, (unsigned long long)s->total_ns,
               (unsigned long long)s->waits, (unsigned long long)s->wait_ns, (unsigned long long)s->max_ns);
    }
    printf("]");
}

/* Print the sums and wait for the end of stdin. `facts` is JSON: further members, each led by a comma. */
static inline void finish(const char *facts)
{
    printf("{\"pid\": %d, ", getpid());
    print_sites();
    printf("%s}\n", facts);
    fflush(stdout);
    while (!getenv("DELAY_MS") && getchar() != EOF)
        ;
}
