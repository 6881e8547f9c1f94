/* What a futex call means: pure rules, without any map. */
#pragma once

enum futex_command {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAKE_OP = 5,
    FUTEX_LOCK_PI = 6,
    FUTEX_UNLOCK_PI = 7,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_WAIT_REQUEUE_PI = 11,
    FUTEX_CMP_REQUEUE_PI = 12,
    FUTEX_LOCK_PI2 = 13
};

#define FUTEX_COMMAND_MASK 127
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_TID_MASK 0x3fffffffu

/* glibc's values of a word that somebody waits for. */
#define MUTEX_CONTENDED 2
#define RWLOCK_PHASE_HELD 3
#define RWLOCK_READERS_WAIT 4 /* a bit of its count of readers */

/* How long a thread that has lost the race for a lock may run before it sleeps again: a microsecond, and what
 * interrupts and a hypervisor take of its CPU.
 */
#define RETRY_NS 16000

#define GREATEST_TID (1 << 22) /* PID_MAX_LIMIT of the kernel: what is larger is no thread */

#define RET_EAGAIN -11
#define RET_EINTR -4
#define RET_ETIMEDOUT -110
#define RET_RESTART_FIRST -514 /* ERESTARTNOHAND, ERESTARTNOINTR, ERESTARTSYS: the call is made again */
#define RET_RESTART_LAST -512
#define RET_RESTART_BLOCK -516 /* the sleep goes on as restart_syscall */

INLINE int is_wait(u32 command) {
    return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI ||
           command == FUTEX_LOCK_PI2 || command == FUTEX_WAIT_REQUEUE_PI;
}

INLINE int is_wake(u32 command) {
    return command == FUTEX_WAKE || command == FUTEX_WAKE_BITSET || command == FUTEX_UNLOCK_PI ||
           command == FUTEX_WAKE_OP || command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE ||
           command == FUTEX_CMP_REQUEUE_PI;
}

/* The part of the expected value that tells ways of waiting apart: readers from writers of one rwlock, a mutex
 * that is taken again from the condition variable around it, and what a signaller waits for. The rest of it is
 * a count, a generation or a tid, and says nothing.
 */
INLINE u32 way_of_waiting(u32 command, u32 value) {
    if (command == FUTEX_WAIT)
        return value == MUTEX_CONTENDED ? value : value & FUTEX_WAITERS ? FUTEX_WAITERS : value & 1;
    if (command == FUTEX_WAIT_BITSET)
        return value <= RWLOCK_PHASE_HELD ? value : value & RWLOCK_READERS_WAIT;
    return 0;
}

INLINE u32 way_of(struct thread_state *state) {
    return way_of_waiting(state->operation & FUTEX_COMMAND_MASK, state->value);
}

INLINE int is_requeue(u32 command) {
    return command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE || command == FUTEX_CMP_REQUEUE_PI;
}

struct futex_call {
    u64 word;
    u64 second; /* another word that FUTEX_WAKE_OP wakes, too */
    u32 operation;
    u32 value;  /* expected of the word, or how many it wakes */
    u32 moves;  /* how many others a requeue sets to wait for another word */
    u32 pad;
};

/* Whether FUTEX_WAKE_OP wakes its second word, which holds `old`; `encoded` is the call's last argument. */
INLINE int wakes_second(u32 encoded, s32 old) {
    u32 compare = encoded >> 24 & 15;
    s32 argument = (s32)(encoded << 20) >> 20;
    int result = compare < 2 ? old == argument : compare == 2 || compare == 5 ? old < argument : old <= argument;
    int negated = compare == 1 || compare == 4 || compare == 5; /* not equal, greater, at least */
    return result != negated;
}

/* A word that keeps its value over the whole wait of a mutex, plain, timed or robust: a second sleep there
 * is the same wait, whatever lies between, because a mutex taken after sleeping is unlocked by a wake.
 * A timed mutex's calls look like those of a rwlock's writer that waits for readers, but that has no owner.
 */
INLINE int keeps_waiters_mark(struct thread_state *state, u32 command, u32 value) {
    if (value == MUTEX_CONTENDED && state->value == MUTEX_CONTENDED)
        return command == FUTEX_WAIT || (command == FUTEX_WAIT_BITSET && state->owner);
    return command == FUTEX_WAIT && state->value & value & FUTEX_WAITERS;
}

/* A writer that has got past the other writers goes on to wait for the readers, one word below. */
INLINE int moves_to_phase_word(struct thread_state *state, struct futex_call *call) {
    return call->word + 4 == state->word && state->value == RWLOCK_PHASE_HELD && call->value == MUTEX_CONTENDED;
}

/* Of an rwlock: it waits for the other writers, or for the readers. */
INLINE int is_writer(struct futex_call *call) {
    return call->value == MUTEX_CONTENDED || (call->value == RWLOCK_PHASE_HELD && call->word & 7);
}

/* Whether the call goes on with the wait that `state` has open. `ran` is how long the thread has been on a
 * CPU since its last sleep; `releases` tells that it has woken this word before. Who releases what it takes was
 * beaten to a semaphore's token that it sleeps for again so soon; who only takes has used the token up.
 * PI, barrier, once and join waits never sleep twice.
 */
INLINE int continues(struct thread_state *state, struct futex_call *call, struct registers *at, s64 ran,
                     int releases) {
    u32 command = call->operation & FUTEX_COMMAND_MASK;
    if (at->sp != state->sp || at->ip != state->ip || call->operation != state->operation)
        return 0;
    if (call->word != state->word)
        return command == FUTEX_WAIT_BITSET && moves_to_phase_word(state, call) && ran < RETRY_NS;
    if (state->flags & WAIT_RESUMED || keeps_waiters_mark(state, command, call->value))
        return 1;
    if (command != FUTEX_WAIT_BITSET)
        return 0;
    return state->flags & WAIT_WORD_UNCHANGED || ((is_writer(call) || releases) && ran < RETRY_NS);
}

/* The owner that the lock itself names: a tid, or 0. glibc's layouts: mutex `__owner` at 8; rwlock
 * `__cur_writer` at 24, where readers wait at 8 and writers at 12.
 */
INLINE u32 read_owner(struct futex_call *call) {
    u32 command = call->operation & FUTEX_COMMAND_MASK, owner = 0;
    if (command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2) {
        read_user(&owner, 4, (void *)call->word);
        return owner & FUTEX_TID_MASK;
    }
    if (command == FUTEX_WAIT && call->value & FUTEX_WAITERS)
        return call->value & FUTEX_TID_MASK;
    if (call->value == MUTEX_CONTENDED && (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) && !(call->word & 7))
        read_user(&owner, 4, (void *)(call->word + 8));
    else if (command == FUTEX_WAIT_BITSET && call->value == RWLOCK_PHASE_HELD)
        read_user(&owner, 4, (void *)(call->word + (call->word & 7 ? 12 : 16)));
    return owner;
}

INLINE u32 log2_slot(u64 ns) {
    u32 slot = 0, step;
    for (step = 32; step; step >>= 1)
        if (ns >> step) {
            slot += step;
            ns >>= step;
        }
    return slot & (HISTOGRAM_SLOTS - 1);
}

/* Blame. Its clock ticks every 256 ns. `waiters` holds, for every thread asleep on the word, (its start << 16 | 1):
 * one atomic add when a sleep starts and one when it ends keep count and sum together. The waiting time so far,
 * of all sleeps ended or not, is count * now - sum, modulo 2^48 ticks.
 *
 * What is uncharged is told up to 2^47 ticks: 417 days of one waiter, or three weeks of 20 that nobody releases.
 * A start and an end are each cut off to a tick, so that they are right on average, and sums are.
 */
#define BLAME_TICK 8 /* 2^8 ns */

INLINE u64 blame_clock(u64 ns) {
    return ns >> BLAME_TICK;
}

INLINE u64 waiter_mark(u64 start) {
    return blame_clock(start) << 16 | 1;
}

INLINE u64 waited_so_far(u64 waiters, u64 now) {
    return (waiters & 0xffff) * blame_clock(now) - (waiters >> 16);
}

INLINE s64 uncharged(struct word_state *word, u64 now) {
    return (s64)((waited_so_far(word->waiters, now) - word->charged) << 16) >> 16;
}
