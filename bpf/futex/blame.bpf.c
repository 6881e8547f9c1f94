/* Waiting time, charged to whoever releases. */

INLINE struct word_state *word_of(u32 pid, u64 word) {
    struct word_key key = {word, pid, 0};
    return words.lookup(&key);
}

INLINE void starts_sleeping(struct thread_state *state) {
    struct word_key key = {state->word, state->pid, 0};
    struct word_state fresh = {}, *word = words.lookup(&key);
    if (!word)
        word = words.lookup_or_try_init(&key, &fresh);
    if (!word) {
        count(COUNTER_WAITS_LOST);
        return;
    }
    word->object = state->object;
    state->marked = 1;
    __sync_fetch_and_add(&word->waiters, waiter_mark(state->slept));
}

/* The part of this sleep that no release of the process has been charged with: ticks. */
INLINE s64 own_share(struct word_state *word, struct thread_state *state, u64 now) {
    u64 since = word->charged_at > state->slept ? word->charged_at : state->slept;
    return blame_clock(now) - blame_clock(since);
}

/* `released`: the sleep ended because somebody woke the word. A sleep that no wake of this process can have
 * ended pays for its own time, and leaves the others' to their releaser.
 */
INLINE void stops_sleeping(struct thread_state *state, u64 now, int released) {
    struct word_state *word = word_of(state->pid, state->word);
    if (!word || !state->marked)
        return;
    state->marked = 0;
    if (!released || word->charged_at < state->slept) {
        s64 own = own_share(word, state, now);
        if (own > 0) {
            __sync_fetch_and_add(&word->charged, own);
            __sync_fetch_and_add(&word->unreleased, 1);
        }
    }
    __sync_fetch_and_add(&word->waiters, -waiter_mark(now));
}

/* The owner that the wait found has let go since: it was no stale or foreign word that named it. */
INLINE int owner_has_woken(struct thread_state *state) {
    struct waker_key key = {state->word, state->pid, state->owner};
    u64 *woken = wakes.lookup(&key);
    return woken && *woken >= state->started;
}

/* As if the sleep had never begun: the call did not block. */
INLINE void never_slept(struct thread_state *state) {
    struct word_state *word = word_of(state->pid, state->word);
    if (!word || !state->marked)
        return;
    state->marked = 0;
    __sync_fetch_and_add(&word->waiters, -waiter_mark(state->slept));
}

/* Charges the releaser with what its lock's waiters have waited since the last release: ns. */
INLINE u64 charge(struct word_state *word, u64 now) {
    s64 ticks = uncharged(word, now);
    if (ticks <= 0)
        return 0;
    __sync_fetch_and_add(&word->charged, ticks);
    return ticks << BLAME_TICK;
}

INLINE void release_short(struct word_state *word, u64 blame) {
    __sync_fetch_and_add(&word->short_ns, blame);
    __sync_fetch_and_add(&word->short_releases, 1);
}

/* False where the map has no room. */
INLINE int add_to_release_total(struct release_event *release) {
    struct release_key key = {release->word, release->stack, release->request, release->pid, release->tid};
    struct release_total fresh = {}, *total = release_totals.lookup(&key);
    if (!total) {
        __builtin_memcpy(fresh.comm, release->comm, sizeof(fresh.comm));
        total = release_totals.lookup_or_try_init(&key, &fresh);
    }
    if (!total)
        return 0;
    __sync_fetch_and_add(&total->releases, 1);
    __sync_fetch_and_add(&total->blame_ns, release->blame_ns);
    return 1;
}

INLINE void tell_release(struct release_event *release) {
    if (!EACH_RELEASE && add_to_release_total(release))
        return;
    if (events.ringbuf_output(release, sizeof(*release), BPF_RB_NO_WAKEUP))
        count(COUNTER_EVENTS_LOST);
}

/* A wake of `call->word`. Does not return where it takes the releaser's stack. */
INLINE void releases(void *ctx, struct target *target, struct ids ids, struct futex_call *call, u64 now) {
    struct word_state *word = word_of(ids.pid, call->word);
    u32 zero = 0;
    if (!word || !(word->waiters & 0xffff))
        return;
    struct waker_key waker = {call->word, ids.pid, tid_in_locks(target, ids.tid)};
    wakes.update(&waker, &now);
    u64 blame = charge(word, now);
    word->charged_at = now;
    if (!blame)
        return;
    struct walk *walk = walks.lookup(&zero);
    if (blame < THRESHOLD_NS || !walk) {
        release_short(word, blame);
        return;
    }
    struct release_event *release = &walk->release;
    release->type = EVENT_RELEASE;
    release->pid = ids.pid;
    release->tid = ids.tid;
    release->operation = call->operation;
    release->word = call->word;
    release->time = now;
    release->blame_ns = blame;
    release->stack = 0;
    release->object = word->object;
    release->request = current_request(ids.tid);
    bpf_get_current_comm(release->comm, sizeof(release->comm));
    struct registers user = user_registers();
    take_stack(ctx, target, ids, &user, PROGRAM_RELEASE_STACK);
    tell_release(release);
}

int release_stack(void *ctx) {
    u32 zero = 0;
    struct walk *walk = walks.lookup(&zero);
    if (!walk)
        return 0;
    walk->release.stack = keep_stack(walk);
    tell_release(&walk->release);
    return 0;
}
