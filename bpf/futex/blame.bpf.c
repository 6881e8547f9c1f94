/* Waiting time, charged to whoever releases. */

/* `marked` is when a sleep entered the account of its word, 0: it is not in one. Between sleeps it is that of a sleep
 * which was interrupted and may go on: it has left the account, and its share is charged to whoever releases the
 * word next; where it turns out to have been over, it pays for what nobody was charged with.
 */

/* One that goes on is entered as if it had never been interrupted. */
INLINE u64 entered_at(struct thread_state *state) {
    return state->marked < state->slept ? state->ended : state->slept;
}

/* `word` is null where the map has no room. */
INLINE void starts_sleeping(struct thread_state *state, struct word_state *word) {
    if (!word) {
        state->flags |= WAIT_NO_ROOM;
        return;
    }
    word->object = state->object;
    if (!(word->waiters & 0xffff))
        word->moved = 0;
    if (!state->marked)
        state->marked = state->slept;
    __sync_fetch_and_add(&word->waiters, waiter_mark(entered_at(state)));
}

/* The part of this sleep that no release of the process has been charged with: ticks. */
INLINE s64 own_share(struct word_state *word, struct thread_state *state, u64 now) {
    u64 since = word->charged_at > state->marked ? word->charged_at : state->marked;
    return blame_clock(now) - blame_clock(since);
}

INLINE void pays_own_share(struct word_state *word, struct thread_state *state, u64 now) {
    s64 own = own_share(word, state, now);
    if (own <= 0)
        return;
    __sync_fetch_and_add(&word->charged, own);
    __sync_fetch_and_add(&word->unreleased, 1);
}

/* `released`: the sleep ended because somebody woke the word. A sleep that no wake of this process can have
 * ended pays for its own time, and leaves the others' to their releaser.
 */
INLINE void stops_sleeping(struct thread_state *state, struct word_state *word, u64 now, int released) {
    if (!word || !state->marked)
        return;
    if (!released || word->moved || word->charged_at < state->marked)
        pays_own_share(word, state, now);
    state->marked = 0;
    __sync_fetch_and_add(&word->waiters, -waiter_mark(now));
}

INLINE void interrupts_sleeping(struct thread_state *state, struct word_state *word, u64 now) {
    if (word && state->marked)
        __sync_fetch_and_add(&word->waiters, -waiter_mark(now));
}

/* An interrupted sleep does not go on: it was over when it was interrupted. */
INLINE void settles_interruption(struct thread_state *state) {
    struct word_state *word = state->marked ? word_of(state->pid, state->word) : 0;
    if (word)
        pays_own_share(word, state, state->ended);
    state->marked = 0;
}

/* The owner that the wait found has let go since: it was no stale or foreign word that named it. */
INLINE int owner_has_woken(struct thread_state *state) {
    struct waker_key key = {state->word, state->pid, state->owner};
    u64 *woken = wakes.lookup(&key);
    return woken && *woken >= state->started;
}

/* As if the sleep had never begun, or not gone on: the call did not block. */
INLINE void never_slept(struct thread_state *state) {
    struct word_state *word = state->marked ? word_of(state->pid, state->word) : 0;
    if (!word)
        return;
    __sync_fetch_and_add(&word->waiters, -waiter_mark(entered_at(state)));
    if (state->marked == state->slept)
        state->marked = 0;
}

/* Charges the releaser with what its lock's waiters have waited since the last release: ns. */
INLINE u64 take_uncharged(struct word_state *word, u64 now) {
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

/* An entry that is there already costs a fraction of a new one. */
INLINE void note_wake(struct target *target, struct ids ids, u64 address, u64 now) {
    struct waker_key waker = {address, ids.pid, tid_in_locks(target, ids.tid)};
    u64 *last = wakes.lookup(&waker);
    if (last)
        *last = now;
    else
        wakes.update(&waker, &now);
}

/* ---- releases ----
 *
 * A call that wakes others is charged as it begins, since they run before it ends. All else is left for its end, so
 * that they run as soon as they would: the end of the releaser's own last wait, its stack, the event.
 */

/* A releaser is charged with the waiting for a word. */
struct charge {
    u64 word;
    u64 blame_ns; /* 0, or the threshold at least */
    u64 object;
    u64 idle; /* the word's waits are known to be idle */
};

/* Of a thread with THREAD_RELEASES. */
struct release_due {
    u64 time;
    u64 operation;
    struct charge first;
    struct charge second; /* FUTEX_WAKE_OP wakes two words */
};
BPF_F_TABLE("hash", u32, struct release_due, releases_due, THREADS_CAPACITY, BPF_F_NO_PREALLOC);

/* A wake of a word. Of those that a requeue makes wait for another word, from there on nobody here can tell who ends
 * it: until the word's last waiter is gone each pays for itself.
 */
INLINE struct charge charge_releaser(struct target *target, struct ids ids, u64 address, u64 now, int moves) {
    struct charge charge = {address};
    struct word_state *word = word_of(ids.pid, address);
    if (!word || !(word->waiters & 0xffff))
        return charge;
    note_wake(target, ids, address, now);
    if (word->moved)
        return charge;
    u64 blame = take_uncharged(word, now);
    word->charged_at = now;
    word->moved = moves;
    if (blame >= THRESHOLD_NS) {
        charge.blame_ns = blame;
        charge.object = word->object;
        charge.idle = word->idle_until > now;
    } else if (blame)
        release_short(word, blame);
    return charge;
}

/* What is found still due was not told: the kernel skipped the call's end. */
INLINE void skips_due_release(struct thread_state *state) {
    if (state->flags & THREAD_RELEASES)
        count(COUNTER_EVENTS_LOST);
    state->flags &= ~THREAD_RELEASES;
}

INLINE void set_due(struct ids ids, struct release_due *due) {
    struct thread_state *state = state_of(ids.tid);
    struct release_due *known = releases_due.lookup(&ids.tid);
    if (known)
        *known = *due;
    if (state && (known || !releases_due.update(&ids.tid, due)))
        state->flags |= THREAD_RELEASES;
    else
        count(COUNTER_EVENTS_LOST);
}

/* A call begins that wakes others. */
INLINE void releases(struct target *target, struct ids ids, struct futex_call *call, u64 now) {
    struct release_due due = {.time = now, .operation = call->operation};
    due.first = charge_releaser(target, ids, call->word, now, call->moves != 0);
    if (call->second)
        due.second = charge_releaser(target, ids, call->second, now, 0);
    if (due.first.blame_ns || due.second.blame_ns)
        set_due(ids, &due);
}

/* Not where only idle waits end that nobody sees. */
INLINE int wants_release_stack(struct release_due *due) {
    return (due->first.blame_ns && !due->first.idle) || (due->second.blame_ns && !due->second.idle);
}

INLINE void tell_charge(struct release_event *release, struct charge *charge) {
    if (!charge->blame_ns)
        return;
    release->word = charge->word;
    release->blame_ns = charge->blame_ns;
    release->object = charge->object;
    tell_release(release);
}

/* With the stack that is taken, or 0. */
INLINE void tell_releases(struct ids ids, struct release_due *due, u64 stack) {
    struct release_event release = {
        .type = EVENT_RELEASE, .pid = ids.pid, .tid = ids.tid, .operation = due->operation, .time = due->time};
    release.stack = stack;
    release.request = current_request(ids.tid);
    bpf_get_current_comm(release.comm, sizeof(release.comm));
    tell_charge(&release, &due->first);
    tell_charge(&release, &due->second);
}

int release_stack(void *ctx) {
    struct ids ids = current_ids();
    u32 zero = 0;
    struct walk *walk = walks.lookup(&zero);
    struct release_due *due = releases_due.lookup(&ids.tid);
    if (walk && due)
        tell_releases(ids, due, keep_stack(walk));
    return 0;
}
