/* Idle waits whose stacks are known. */

BPF_TABLE("lru_hash", struct idle_key, struct idle_stack, idle_stacks, IDLE_STACKS_CAPACITY);

INLINE u32 place_of(struct thread_state *state) {
    return state->sp & PLACE_MASK;
}

INLINE struct idle_stack *idle_stack_of(struct thread_state *state) {
    struct idle_key key = {};
    key.word = state->word;
    key.ip = state->ip;
    key.object = state->object;
    key.pid = state->pid;
    key.operation = state->operation;
    key.value = way_of(state);
    key.place = place_of(state);
    return idle_stacks.lookup(&key);
}

/* What has just got out of date is good for all waits but this one, which is looked at anew. */
INLINE int is_out_of_date(struct idle_stack *known, u64 now) {
    if (now < known->until)
        return 0;
    if (now - known->until < IDLE_GRACE_NS)
        known->until = now + IDLE_GRACE_NS;
    return 1;
}

/* Gives the wait its stack where that is known, and lets the word's releasers know. */
INLINE int is_known_idle(struct thread_state *state, struct word_state *word) {
    if (!SPARES_IDLE_STACKS)
        return 0;
    struct idle_stack *known = idle_stack_of(state);
    int wants_look = !known || is_out_of_date(known, state->ended);
    if (word)
        word->idle_until = known ? known->until : 0;
    if (wants_look)
        return 0;
    state->stack = known->stack;
    state->flags |= WAIT_KNOWN_IDLE;
    return 1;
}
