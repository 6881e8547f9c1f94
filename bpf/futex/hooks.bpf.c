/* The entry points: tracepoints of the futex system calls, of exec and of exit. */

struct syscall_enter {
    u64 common;
    s64 number;
    u64 arguments[6];
};

struct syscall_exit {
    u64 common;
    s64 number;
    s64 ret;
};

/* struct futex_waitv of the kernel's user ABI. */
struct waitv_entry {
    u64 value;
    u64 word;
    u32 flags;
    u32 reserved;
};

/* On to `futex_called`: all ways to call share its text. */
INLINE void call_begins(void *ctx, struct target *target, struct futex_call call) {
    u32 zero = 0;
    struct walk *walk = walks.lookup(&zero);
    if (!walk)
        return;
    walk->call = call;
    walk->target = *target;
    count(COUNTER_FUTEX_CALLS);
    programs.call(ctx, PROGRAM_CALL);
}

/* futex(word, operation, value, timeout or count, second word, last value) */
int enter_futex(struct syscall_enter *ctx) {
    u32 operation = ctx->arguments[1], command = operation & FUTEX_COMMAND_MASK;
    struct futex_call call = {.word = ctx->arguments[0], .operation = operation, .value = ctx->arguments[2]};
    struct target *target = traced(current_ids());
    u64 second = ctx->arguments[4];
    s32 old = 0;
    if (!target || !(is_wait(command) || is_wake(command)))
        return 0;
    if (is_requeue(command))
        call.moves = ctx->arguments[3];
    else if (command == FUTEX_WAKE_OP && !read_user(&old, 4, (void *)second) && wakes_second(ctx->arguments[5], old))
        call.second = second;
    call_begins(ctx, target, call);
    return 0;
}

/* futex_wait(word, value, mask, flags, timeout, clock) */
int enter_futex_wait(struct syscall_enter *ctx) {
    struct target *target = traced(current_ids());
    if (target)
        call_begins(ctx, target, (struct futex_call){.word = ctx->arguments[0],
                                             .operation = FUTEX_WAIT_BITSET,
                                             .value = ctx->arguments[1]});
    return 0;
}

/* futex_waitv(entries, count, flags, timeout, clock): the wait is for the first word. */
int enter_futex_waitv(struct syscall_enter *ctx) {
    struct waitv_entry entry = {};
    struct target *target = traced(current_ids());
    if (target && !read_user(&entry, sizeof(entry), (void *)ctx->arguments[0]))
        call_begins(ctx, target, (struct futex_call){.word = entry.word,
                                             .operation = FUTEX_WAIT_BITSET,
                                             .value = entry.value});
    return 0;
}

/* futex_wake(word, mask, count, flags) */
int enter_futex_wake(struct syscall_enter *ctx) {
    struct target *target = traced(current_ids());
    if (target)
        call_begins(ctx, target, (struct futex_call){.word = ctx->arguments[0], .operation = FUTEX_WAKE_BITSET});
    return 0;
}

/* futex_requeue(entries, flags, wakes, moves): from the first entry's word to the second's. */
int enter_futex_requeue(struct syscall_enter *ctx) {
    struct waitv_entry entry = {};
    struct target *target = traced(current_ids());
    if (target && !read_user(&entry, sizeof(entry), (void *)ctx->arguments[0]))
        call_begins(ctx, target, (struct futex_call){.word = entry.word,
                                             .operation = FUTEX_CMP_REQUEUE,
                                             .value = ctx->arguments[2],
                                             .moves = ctx->arguments[3]});
    return 0;
}

/* Also of restart_syscall, which ends what a stop or a signal without a handler interrupted. */
int exit_futex(struct syscall_exit *ctx) {
    struct ids ids = current_ids();
    struct target *target = traced(ids);
    struct thread_state *state = target ? threads.lookup(&ids.tid) : 0;
    if (!state)
        return 0;
    if (state->phase == PHASE_ASLEEP)
        end_sleep(ctx, target, ids, state, ctx->ret, bpf_ktime_get_ns());
    else if (state->flags & (WAIT_OVER | THREAD_RELEASES))
        programs.call(ctx, PROGRAM_WAKE_OVER);
    return 0;
}

/* Its wait, if one is open, ends with its last sleep. */
int thread_exit(void *ctx) {
    struct ids ids = current_ids();
    if (!traced(ids))
        return 0;
    forget_calls(ids);
    struct thread_state *state = threads.lookup(&ids.tid);
    if (!state)
        return 0;
    if (state->phase == PHASE_ASLEEP)
        end_unseen_sleep(state, bpf_ktime_get_ns());
    if (state->phase == PHASE_BETWEEN)
        close_wait(state, ids.tid);
    threads.delete(&ids.tid);
    releases_due.delete(&ids.tid);
    return 0;
}

/* Another program from here on: its locks are not the target's. */
int process_exec(void *ctx) {
    struct ids ids = current_ids();
    struct exec_event event = {EVENT_EXEC, ids.pid};
    u64 *place = place_of_target(ids.pid);
    if (!place)
        return 0;
    *place = 0;
    if (events.ringbuf_output(&event, sizeof(event), BPF_RB_NO_WAKEUP))
        count(COUNTER_EVENTS_LOST);
    return 0;
}
