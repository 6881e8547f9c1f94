/* A wait that is over: into the sums, and out as an event where it was long. */

INLINE struct wait_key key_of(struct thread_state *state) {
    struct wait_key key = {};
    key.word = state->word;
    key.ip = state->ip;
    key.object = state->object;
    key.request = state->request;
    key.pid = state->pid;
    key.operation = state->operation;
    key.value = way_of(state);
    return key;
}

INLINE struct wait_total *total_of(struct thread_state *state) {
    struct wait_key key = key_of(state);
    u32 zero = 0;
    struct wait_total *total = wait_totals.lookup(&key), *fresh;
    if (total)
        return total;
    fresh = no_waits.lookup(&zero);
    return fresh ? wait_totals.lookup_or_try_init(&key, fresh) : 0;
}

INLINE void add_to_total(struct wait_total *total, struct thread_state *state, u64 waited) {
    __sync_fetch_and_add(&total->waits, 1);
    __sync_fetch_and_add(&total->wait_ns, waited);
    __sync_fetch_and_add(&total->sleeps, state->sleeps);
    __sync_fetch_and_add(&total->histogram[log2_slot(waited)], 1);
    if (waited > total->max_wait_ns)
        total->max_wait_ns = waited;
    if (state->outcome == OUTCOME_TIMEOUT)
        __sync_fetch_and_add(&total->timeouts, 1);
    if (state->outcome == OUTCOME_INTERRUPTED)
        __sync_fetch_and_add(&total->interrupted, 1);
    if (waited >= THRESHOLD_NS) {
        __sync_fetch_and_add(&total->long_waits, 1);
        __sync_fetch_and_add(&total->long_wait_ns, waited);
    }
    if (!total->stack)
        total->stack = state->stack;
}

INLINE void add_to_owner(struct thread_state *state, u64 waited) {
    struct owner_total none = {}, *total;
    struct owner_key key = {};
    key.word = state->word;
    key.object = state->object;
    key.request = state->request;
    key.owner_request = state->owner_request;
    key.pid = state->pid;
    key.owner = state->owner;
    total = owner_totals.lookup_or_try_init(&key, &none);
    if (!total) {
        state->flags |= WAIT_NO_ROOM;
        return;
    }
    __sync_fetch_and_add(&total->waits, 1);
    __sync_fetch_and_add(&total->wait_ns, waited);
    if (state->flags & WAIT_OWNER_CONFIRMED)
        __sync_fetch_and_add(&total->confirmed, 1);
}

INLINE void send_wait(struct thread_state *state, u32 tid) {
    struct wait_event event = {};
    event.type = EVENT_WAIT;
    event.pid = state->pid;
    event.tid = tid;
    event.owner = state->owner;
    event.word = state->word;
    event.started = state->started;
    event.ended = state->ended;
    event.ip = state->ip;
    event.stack = state->stack;
    event.object = state->object;
    event.request = state->request;
    event.call = state->call;
    event.owner_request = state->owner_request;
    event.operation = state->operation;
    event.value = way_of(state);
    event.sleeps = state->sleeps;
    event.outcome = state->outcome;
    event.flags = state->flags;
    event.place = place_of(state);
    bpf_get_current_comm(event.comm, sizeof(event.comm));
    if (events.ringbuf_output(&event, sizeof(event), BPF_RB_NO_WAKEUP))
        count(COUNTER_EVENTS_LOST);
}

/* Ends the wait that `state` has open: from its first sleep's start to its last sleep's end. */
INLINE void close_wait(struct thread_state *state, u32 tid) {
    u64 waited = state->ended - state->started;
    settles_interruption(state);
    state->phase = PHASE_IDLE;
    struct wait_total *total = total_of(state);
    if (!total) {
        count(COUNTER_WAITS_LOST);
        return;
    }
    if (state->flags & WAIT_RESUMED)
        state->outcome = OUTCOME_INTERRUPTED;
    if (!state->sleeps)
        state->sleeps = 1;
    add_to_total(total, state, waited);
    if (state->owner && owner_has_woken(state))
        state->flags |= WAIT_OWNER_CONFIRMED;
    if (state->owner)
        add_to_owner(state, waited);
    if (state->flags & WAIT_NO_ROOM)
        count(COUNTER_WAITS_LOST);
    if (waited >= THRESHOLD_NS && !(state->flags & WAIT_KNOWN_IDLE))
        send_wait(state, tid);
}
