/* The pure rules of bpf/waits.h, as functions that a test can call. */
#include <stdint.h>
#include <string.h>

typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
#define INLINE static inline

struct registers {
    u64 ip;
    u64 sp;
    u64 bp;
};

static inline s64 read_user(void *to, u32 size, const void *from)
{
    memcpy(to, from, size);
    return 0;
}

#include "lockwatch.h"
#include "waits.h"

u64 mark(u64 start)
{
    return waiter_mark(start);
}

/* ns that no release has been charged with yet. */
s64 uncharged_ns(u64 waiters, u64 charged, u64 now)
{
    struct word_state word = {.waiters = waiters, .charged = charged};
    return uncharged(&word, now) * (1 << BLAME_TICK);
}

int wakes_second_word(u32 encoded, s32 old)
{
    return wakes_second(encoded, old);
}

/* Whether a thread that slept for `word` while it was `value` goes on with that wait when it makes the same call
 * `later` ns after the time that the loser of a race may run.
 */
int goes_on_waiting(u32 operation, u32 value, u32 flags, s64 later, int releases)
{
    struct thread_state state = {.word = 8, .operation = operation, .value = value, .flags = flags};
    struct futex_call call = {.word = 8, .operation = operation, .value = value};
    struct registers at = {};
    return continues(&state, &call, &at, RETRY_NS + later, releases);
}
