/* Helpers of the kernel, who the current thread is, and where it stands in user space. */
#pragma once

#define INLINE static inline __attribute__((always_inline))

/* By number rather than by name: bcc reads all of /proc/kallsyms where a program names the probe_read
 * helpers of one address space.
 */
static s64 (*const read_user)(void *to, u32 size, const void *from) = (void *)112;
static s64 (*const read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static void *(*const current_task)(void) = (void *)158;
static void *(*const task_registers)(void *task) = (void *)175;

struct namespace_ids {
    u32 pid; /* tid, in the words of user space */
    u32 tgid;
};
static s64 (*const namespace_ids)(u64 device, u64 inode, struct namespace_ids *ids, u32 size) = (void *)120;

struct ids {
    u32 pid;
    u32 tid;
};

/* The current thread, as the frontend's pid namespace numbers it; pid 0 outside of it. */
INLINE struct ids current_ids(void) {
#ifdef FRONTEND_NS_INODE
    struct namespace_ids ids = {};
    if (namespace_ids(FRONTEND_NS_DEVICE, FRONTEND_NS_INODE, &ids, sizeof(ids)))
        return (struct ids){};
    return (struct ids){ids.tgid, ids.pid};
#else
    u64 ids = bpf_get_current_pid_tgid();
    return (struct ids){ids >> 32, (u32)ids};
#endif
}

/* The current thread's id as the locks of its process hold it. */
INLINE u32 tid_in_locks(struct target *target, u32 tid) {
    struct namespace_ids ids = {};
    if (!(target->flags & TARGET_OTHER_PID_NAMESPACE))
        return tid;
    return namespace_ids(target->ns_device, target->ns_inode, &ids, sizeof(ids)) ? 0 : ids.pid;
}

struct registers {
    u64 ip;
    u64 sp;
    u64 bp;
};

/* User-space registers at the system call: offsets into the x86-64 struct pt_regs, which is ABI. */
INLINE struct registers user_registers(void) {
    struct registers user = {};
    char *saved = task_registers(current_task());
    read_kernel(&user.ip, 8, saved + 128);
    read_kernel(&user.sp, 8, saved + 152);
    read_kernel(&user.bp, 8, saved + 32);
    return user;
}

/* How long the current thread has been runnable without running, in its life so far: ns. */
INLINE u64 run_delay(void) {
    u64 delay = 0;
#ifdef TASK_RUN_DELAY
    read_kernel(&delay, 8, (char *)current_task() + TASK_RUN_DELAY);
#endif
    return delay;
}
