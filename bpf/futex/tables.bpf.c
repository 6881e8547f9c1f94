/* Maps of the futex part. Capacities come from the loader. */

/* Tail-called programs, by their place in `programs`. */
enum program {
    PROGRAM_CALL,          /* a futex call begins */
    PROGRAM_UNWIND,
    PROGRAM_WAIT_STACK,    /* the stack of a wait is taken */
    PROGRAM_RELEASE_STACK, /* the stack of a release is taken */
    PROGRAM_SLEEP_OVER,    /* the last of what is done for a sleep that has ended */
    PROGRAM_WAKE_OVER,     /* what is done for a wake when the woken run */
    PROGRAMS
};
BPF_PROG_ARRAY(programs, PROGRAMS);

BPF_RINGBUF_OUTPUT(events, EVENT_PAGES);
BPF_PERCPU_ARRAY(counters, u64, COUNTERS);
BPF_ARRAY(target_places, u64, TARGET_PLACES);
BPF_ARRAY(targets, struct target, TARGET_AREAS);

BPF_F_TABLE("hash", u32, struct thread_state, threads, THREADS_CAPACITY, BPF_F_NO_PREALLOC);
BPF_F_TABLE("hash", struct wait_key, struct wait_total, wait_totals, WAITS_CAPACITY, BPF_F_NO_PREALLOC);
BPF_F_TABLE("hash", struct owner_key, struct owner_total, owner_totals, WAITS_CAPACITY, BPF_F_NO_PREALLOC);
BPF_F_TABLE("hash", struct word_key, struct word_state, words, WAITS_CAPACITY, BPF_F_NO_PREALLOC);
BPF_F_TABLE("hash", struct release_key, struct release_total, release_totals, WAITS_CAPACITY, BPF_F_NO_PREALLOC);
BPF_TABLE("lru_hash", struct waker_key, u64, wakes, WAKES_CAPACITY); /* the time of the last wake */
BPF_F_TABLE("hash", u64, u32, known_stacks, STACKS_CAPACITY, BPF_F_NO_PREALLOC);
BPF_ARRAY(no_waits, struct wait_total, 1); /* too large for the program's own stack */

BPF_F_TABLE("array", u32, u64, unwind_rows, ROWS_CAPACITY, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct row_block, unwind_blocks, BLOCKS_CAPACITY, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct mapping, mappings, MAPPINGS_CAPACITY, BPF_F_MMAPABLE);

INLINE void count(u32 counter) {
    u64 *n = counters.lookup(&counter);
    if (n)
        *n += 1;
}

INLINE u64 *place_of_target(u32 pid) {
    u32 place = pid % TARGET_PLACES;
    u64 *taken = target_places.lookup(&place);
    return taken && pid && *taken >> 32 == pid ? taken : 0;
}

INLINE struct target *traced(struct ids ids) {
    u64 *place = place_of_target(ids.pid);
    u32 area = place ? *place : 0;
    return place ? targets.lookup(&area) : 0;
}

/* The thread's state; null where no map has room. */
INLINE struct thread_state *state_of(u32 tid) {
    struct thread_state fresh = {}, *state = threads.lookup(&tid);
    return state ? state : threads.lookup_or_try_init(&tid, &fresh);
}

/* A word's account of blame, and what else is known of it. */
INLINE struct word_state *word_of(u32 pid, u64 word) {
    struct word_key key = {word, pid, 0};
    return words.lookup(&key);
}

/* The same, opened where there is none yet; null where the map has no room. */
INLINE struct word_state *open_word(u32 pid, u64 word) {
    struct word_key key = {word, pid, 0};
    struct word_state fresh = {}, *known = words.lookup(&key);
    return known ? known : words.lookup_or_try_init(&key, &fresh);
}

/* The call that a thread serves, or has served last; null where it is known of none. */
INLINE struct call *current_call(u32 tid);

/* 0: none. */
INLINE u64 current_request(u32 tid) {
    struct call *call = current_call(tid);
    return call ? call->request : 0;
}

#ifndef WITH_REQUESTS
INLINE struct call *current_call(u32 tid) {
    return 0;
}
INLINE u64 request_of(u32 pid, u32 tid) {
    return 0;
}
INLINE void forget_calls(struct ids ids) {
}
#endif
#ifndef WITH_OBJECTS
INLINE u64 object_of(u32 pid, u64 address, struct word_state *word, u64 now) {
    return 0;
}
#endif
