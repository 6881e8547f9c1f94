/* Sleeps, and how they become waits. */

INLINE void open_wait(struct thread_state *state, struct ids ids, struct target *target, struct futex_call *call,
                      struct word_state *word) {
    state->started = state->slept;
    state->ended = 0;
    state->sleeps = 0;
    state->stack = 0;
    state->flags = 0;
    state->outcome = OUTCOME_WOKEN;
    state->pid = ids.pid;
    state->object = object_of(ids.pid, call->word, word, state->slept);
    struct call *serves = current_call(ids.tid);
    state->request = serves ? serves->request : 0;
    state->call = serves && serves->received ? serves->dispatched : 0;
    state->owner = read_owner(call);
    if (state->owner > GREATEST_TID || state->owner == tid_in_locks(target, ids.tid))
        state->owner = 0;
    state->owner_request = state->owner ? request_of(ids.pid, state->owner) : 0;
}

/* A sleep that the kernel interrupted and did not resume: it ended then, or unseen, with the thread. */
INLINE void end_unseen_sleep(struct thread_state *state, u64 now) {
    if (state->ended <= state->slept)
        state->ended = now;
    interrupts_sleeping(state, word_of(state->pid, state->word), state->ended);
    state->flags |= WAIT_RESUMED;
    state->phase = PHASE_BETWEEN;
}

INLINE s64 ran_since_sleep(struct thread_state *state, u64 now) {
    return now - state->left - (run_delay() - state->run_delay);
}

INLINE int goes_on(struct thread_state *state, struct target *target, struct ids ids, struct futex_call *call,
                   struct registers *user, u64 now) {
    if (state->phase != PHASE_BETWEEN || state->flags & WAIT_OVER)
        return 0;
    struct waker_key self = {call->word, ids.pid, tid_in_locks(target, ids.tid)};
    s64 ran = ran_since_sleep(state, now);
    return continues(state, call, user, ran, ran < RETRY_NS && wakes.lookup(&self));
}

INLINE void start_sleep(struct thread_state *state, struct target *target, struct ids ids, struct futex_call *call,
                        struct registers *user, u64 now) {
    struct word_state *word = open_word(ids.pid, call->word);
    int new_wait = state->phase != PHASE_BETWEEN;
    if (state->word != call->word)
        settles_interruption(state);
    state->word = call->word;
    state->operation = call->operation;
    state->value = call->value;
    state->ip = user->ip;
    state->sp = user->sp;
    state->bp = user->bp;
    state->slept = now;
    state->flags &= ~(WAIT_RESUMED | WAIT_WORD_UNCHANGED);
    if (new_wait)
        open_wait(state, ids, target, call, word);
    state->phase = PHASE_ASLEEP;
    starts_sleeping(state, word);
}

/* A thread that wakes others is done with what it waited for. The wait is closed at the end of the call. */
INLINE void ends_last_wait(struct thread_state *state) {
    if (state->phase != PHASE_BETWEEN)
        return;
    settles_interruption(state);
    state->flags |= WAIT_OVER;
}

/* Any futex call begins. It goes on with the wait that is open, or ends it. */
int futex_called(void *ctx) {
    struct ids ids = current_ids();
    u32 zero = 0;
    struct walk *walk = walks.lookup(&zero);
    if (!walk)
        return 0;
    struct target *target = &walk->target;
    struct futex_call call = walk->call;
    u64 now = bpf_ktime_get_ns();
    int waits = is_wait(call.operation & FUTEX_COMMAND_MASK);
    struct registers user = waits ? user_registers() : (struct registers){};
    struct thread_state *state = waits ? state_of(ids.tid) : threads.lookup(&ids.tid);
    if (waits && !state) {
        count(COUNTER_WAITS_LOST);
        return 0;
    }
    if (state)
        skips_due_release(state);
    if (state && state->phase == PHASE_ASLEEP)
        end_unseen_sleep(state, now);
    if (waits) {
        if (state->phase == PHASE_BETWEEN && !goes_on(state, target, ids, &call, &user, now))
            close_wait(state, ids.tid);
        start_sleep(state, target, ids, &call, &user, now);
    } else {
        if (state)
            ends_last_wait(state);
        releases(target, ids, &call, now);
    }
    return 0;
}

/* What is done last in the hook: from here on the thread runs on its own account. */
INLINE void leave(struct thread_state *state) {
    u32 word = 0;
    if (!read_user(&word, 4, (void *)state->word) && word == state->value)
        state->flags |= WAIT_WORD_UNCHANGED;
    state->run_delay = run_delay();
    state->left = bpf_ktime_get_ns();
}

/* The call did not block. A wait that is open stays so: the thread may be about to sleep again. */
INLINE void did_not_sleep(struct thread_state *state, s64 ret, u64 now) {
    if (state->ended > state->slept) /* it did, up to an interruption */
        end_unseen_sleep(state, now);
    else
        never_slept(state);
    if (ret == RET_EAGAIN) {
        struct wait_total *total = total_of(state);
        if (total)
            __sync_fetch_and_add(&total->eagain, 1);
        else
            count(COUNTER_WAITS_LOST);
    }
    state->phase = state->ended ? PHASE_BETWEEN : PHASE_IDLE;
    leave(state);
}

INLINE int wants_stack(struct thread_state *state, struct word_state *word) {
    if (state->flags & (WAIT_STACK_TAKEN | WAIT_KNOWN_IDLE))
        return 0;
    if (state->ended - state->started < THRESHOLD_NS) {
        struct wait_key key = key_of(state);
        struct wait_total *total = wait_totals.lookup(&key);
        if (total && total->stack)
            return 0;
    }
    return !is_known_idle(state, word);
}

/* The last of the hook, when the sleep's end is noted and its stack is taken; or where a wait is closed at once. */
int sleep_over(void *ctx) {
    struct ids ids = current_ids();
    struct thread_state *state = threads.lookup(&ids.tid);
    if (!state)
        return 0;
    if (state->outcome == OUTCOME_TIMEOUT)
        close_wait(state, ids.tid);
    leave(state);
    return 0;
}

INLINE int is_restart(s64 ret) {
    return (ret >= RET_RESTART_FIRST && ret <= RET_RESTART_LAST) || ret == RET_RESTART_BLOCK;
}

/* A futex call, or the restart of one, returns to the thread. One that the kernel may go on with as restart_syscall
 * leaves the thread asleep: should it not, the next futex call tells.
 */
INLINE void end_sleep(void *ctx, struct target *target, struct ids ids, struct thread_state *state, s64 ret, u64 now) {
    if (ret < 0 && ret != RET_ETIMEDOUT && ret != RET_EINTR && !is_restart(ret)) {
        did_not_sleep(state, ret, now);
        return;
    }
    struct word_state *word = word_of(state->pid, state->word);
    state->ended = now;
    if (ret != RET_RESTART_BLOCK) {
        if (is_restart(ret))
            interrupts_sleeping(state, word, now);
        else
            stops_sleeping(state, word, now, ret >= 0);
        state->phase = PHASE_BETWEEN;
    }
    state->flags &= ~(WAIT_RESUMED | WAIT_WORD_UNCHANGED); /* as an interruption before has left them */
    if (is_restart(ret))
        state->flags |= WAIT_RESUMED;
    else
        state->sleeps += 1;
    state->outcome = ret == RET_ETIMEDOUT ? OUTCOME_TIMEOUT : ret == RET_EINTR ? OUTCOME_INTERRUPTED : OUTCOME_WOKEN;
    if (wants_stack(state, word)) {
        struct registers user = user_registers();
        state->flags |= WAIT_STACK_TAKEN;
        take_stack(ctx, target, ids, &user, PROGRAM_WAIT_STACK);
    }
    if (state->outcome == OUTCOME_TIMEOUT)
        programs.call(ctx, PROGRAM_SLEEP_OVER);
    leave(state);
}

int wait_stack(void *ctx) {
    u32 zero = 0;
    struct walk *walk = walks.lookup(&zero);
    if (!walk)
        return 0;
    u32 tid = walk->stack.tid;
    struct thread_state *state = threads.lookup(&tid);
    if (state)
        state->stack = keep_stack(walk);
    programs.call(ctx, PROGRAM_SLEEP_OVER);
    return 0;
}

/* A call that wakes others ends: those run meanwhile. */
int wake_over(void *ctx) {
    struct ids ids = current_ids();
    struct target *target = traced(ids);
    struct thread_state *state = threads.lookup(&ids.tid);
    if (!target || !state)
        return 0;
    if (state->flags & WAIT_OVER && state->phase == PHASE_BETWEEN)
        close_wait(state, ids.tid);
    struct release_due *due = state->flags & THREAD_RELEASES ? releases_due.lookup(&ids.tid) : 0;
    state->flags &= ~(WAIT_OVER | THREAD_RELEASES);
    if (!due)
        return 0;
    if (wants_release_stack(due)) {
        struct registers user = user_registers();
        take_stack(ctx, target, ids, &user, PROGRAM_RELEASE_STACK);
    }
    tell_releases(ids, due, 0);
    return 0;
}
