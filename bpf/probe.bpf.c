/* The pthread_mutex_lock probe: how often each mutex is taken. The mutex is the function's first argument.
 *
 * A task may be preempted in here and another run on the same CPU: so even a CPU's own numbers are added to
 * atomically, in a cache line that no other CPU writes.
 */

BPF_F_TABLE("percpu_hash", struct acquisition_key, u64, acquisitions, ACQUISITIONS_CAPACITY, BPF_F_NO_PREALLOC);
BPF_F_TABLE("hash", struct window_key, struct window_count, window_acquisitions, WINDOW_CAPACITY, BPF_F_NO_PREALLOC);
BPF_F_TABLE("array", u32, struct probe_cpu, probe_cpus, CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct probe_control, probe_control, 1, BPF_F_MMAPABLE);
BPF_RINGBUF_OUTPUT(probe_alarms, 1);

/* struct pt_regs of a uprobe: the user's own registers. */
struct probe_registers {
    u64 others[14];
    u64 rdi;
};

INLINE void raise_alarm(u64 hits) {
    u64 *alarm = probe_alarms.ringbuf_reserve(sizeof(*alarm));
    if (!alarm)
        return; /* the ring is full of alarms */
    *alarm = hits;
    probe_alarms.ringbuf_submit(alarm, BPF_RB_FORCE_WAKEUP);
}

INLINE void count_hit(struct probe_cpu *cpu, struct probe_control *control) {
    u64 hits = __sync_fetch_and_add(&cpu->hits, 1) + 1;
    if (hits % PROBE_BATCH)
        return;
    u64 before = __sync_fetch_and_add(&control->batched, PROBE_BATCH);
    u64 alarm = control->alarm;
    if (alarm && before < alarm && before + PROBE_BATCH >= alarm)
        raise_alarm(before + PROBE_BATCH);
}

INLINE void count_in_window(struct probe_cpu *cpu, u64 mutex, struct ids ids) {
    struct window_key key = {mutex, ids.pid, ids.tid};
    u64 now = bpf_ktime_get_ns();
    struct window_count first = {1, now, now}, *taken = window_acquisitions.lookup(&key);
    if (taken) { /* nobody else writes a thread's own count */
        taken->hits += 1;
        taken->last = now;
    } else if (window_acquisitions.insert(&key, &first)) {
        __sync_fetch_and_add(&cpu->window_lost, 1);
    }
}

INLINE void count_acquisition(struct probe_cpu *cpu, u64 mutex, struct ids ids) {
    struct acquisition_key key = {mutex, ids.pid};
    u64 none = 0, *taken = acquisitions.lookup(&key);
    if (!taken) {
        acquisitions.insert(&key, &none);
        taken = acquisitions.lookup(&key);
    }
    if (taken)
        __sync_fetch_and_add(taken, 1);
    else
        __sync_fetch_and_add(&cpu->lost, 1);
}

int mutex_taken(struct probe_registers *registers) {
    u32 zero = 0, number = bpf_get_smp_processor_id();
    struct probe_cpu *cpu = probe_cpus.lookup(&number);
    struct probe_control *control = probe_control.lookup(&zero);
    struct ids ids = current_ids();
    if (!cpu || !control)
        return 0;
    count_hit(cpu, control);
    count_acquisition(cpu, registers->rdi, ids);
    if (control->window)
        count_in_window(cpu, registers->rdi, ids);
    return 0;
}
