/* How long a served call was off the CPU outside of its futex waits, and how much of that in the run queue.
 *
 * Only the switches of serving threads are looked at, found by their task's address: it costs a look-up or two a
 * switch. The kernel's own run_delay tells the run queue, brought up to date when the thread next leaves the CPU.
 */

struct running {
    u64 left;      /* when the thread was switched out; 0: it runs */
    u64 run_delay; /* up to the last switch */
    u64 off_cpu;
    u64 run_queue;
    u32 tid;
    u32 in_wait;   /* the last time off the CPU was part of a futex wait, which is counted as such */
};

BPF_F_TABLE("hash", u64, struct running, running_calls, THREADS_CAPACITY, BPF_F_NO_PREALLOC);

/* The run queue time of the thread's last return to the CPU. */
INLINE void add_run_queue(struct running *running, u64 task) {
    u64 delay = 0;
    read_kernel(&delay, 8, (char *)task + TASK_RUN_DELAY);
    if (!running->in_wait)
        running->run_queue += delay - running->run_delay;
    running->run_delay = delay;
}

INLINE void starts_running(void) {
    u64 task = (u64)current_task();
    struct running running = {.run_delay = run_delay(), .tid = current_ids().tid};
    if (running_calls.update(&task, &running))
        count(COUNTER_CALLS_LOST);
}

INLINE void stops_running(struct call_event *event) {
    u64 task = (u64)current_task();
    struct running *running = running_calls.lookup(&task);
    if (!running)
        return;
    add_run_queue(running, task);
    event->off_cpu = running->off_cpu;
    event->run_queue = running->run_queue;
    running_calls.delete(&task);
}

struct switch_arguments {
    u64 preempted;
    u64 previous;
    u64 next;
};

/* Raw tracepoint sched_switch. */
int thread_switch(struct switch_arguments *ctx) {
    u64 previous = ctx->previous, next = ctx->next;
    struct running *leaves = running_calls.lookup(&previous);
    if (leaves) {
        struct thread_state *state = threads.lookup(&leaves->tid);
        add_run_queue(leaves, previous);
        leaves->left = bpf_ktime_get_ns();
        leaves->in_wait = state && state->phase == PHASE_ASLEEP;
    }
    struct running *comes = running_calls.lookup(&next);
    if (comes && comes->left) {
        if (!comes->in_wait)
            comes->off_cpu += bpf_ktime_get_ns() - comes->left;
        comes->left = 0;
    }
    return 0;
}
