/* The API call that each thread of a libvirt daemon serves.
 *
 * Three exported functions bracket a call: its header is decoded by the event loop, a worker dispatches it, and the
 * same worker queues the reply. The message's address joins them; it is free again once the reply is sent.
 */

#include <uapi/linux/ptrace.h>

/* struct _virNetMessage: bufferLength, and the header's program, procedure, type and status. */
#define MESSAGE_LENGTH 16
#define MESSAGE_HEADER 32

struct message_header {
    u32 program;
    u32 version;
    u32 procedure;
    u32 type;
    u32 serial;
    u32 status;
};

#define SERVING_THREADS 8192

enum message_type { MESSAGE_CALL = 0, MESSAGE_CALL_WITH_FDS = 4 };
#define STATUS_ERROR 1

struct message_key {
    u64 message;
    u32 pid;
    u32 pad;
};

struct arrival {
    u64 received;
    u64 bytes;
};

struct lock_owner {
    u32 pid;
    u32 tid;
};

/* What is over is overwritten with 0 rather than deleted: the same messages and threads come again, and an entry that
 * is there already costs a fraction of a new one.
 */

/* Messages that are no calls are never dispatched: the oldest make room. */
BPF_TABLE("lru_hash", struct message_key, struct arrival, arrivals, 16384);
/* One of each a thread that has served a call. */
BPF_HASH(calls, u32, struct call, SERVING_THREADS);
BPF_HASH(owner_requests, struct lock_owner, u64, SERVING_THREADS);

BPF_TABLE("lru_hash", u64, u64, job_names, 4096);

INLINE struct call *current_call(u32 tid) {
    return calls.lookup(&tid);
}

/* `tid`: as the lock names its owner. */
INLINE u64 request_of(u32 pid, u32 tid) {
    struct lock_owner owner = {pid, tid};
    u64 *request = owner_requests.lookup(&owner);
    return request ? *request : 0;
}

#ifndef WITH_SCHED
INLINE void starts_running(void) {}
INLINE void stops_running(struct call_event *event) {}
#endif

/* virNetMessageDecodeHeader(message) */
int message_decoded(struct pt_regs *ctx) {
    struct ids ids = current_ids();
    struct message_key key = {PT_REGS_PARM1(ctx), ids.pid};
    struct arrival arrival = {bpf_ktime_get_ns()};
    if (!traced(ids))
        return 0;
    read_user(&arrival.bytes, 8, (void *)(key.message + MESSAGE_LENGTH));
    struct arrival *known = arrivals.lookup(&key);
    if (known)
        *known = arrival;
    else
        arrivals.update(&key, &arrival);
    return 0;
}

/* Fails where the map has no room. */
INLINE int set_owner_request(u32 pid, u32 lock_tid, u64 request) {
    struct lock_owner owner = {pid, lock_tid};
    u64 *known = owner_requests.lookup(&owner);
    if (!known)
        return owner_requests.update(&owner, &request);
    *known = request;
    return 0;
}

/* Fails where a map has no room. */
INLINE int begins_serving(struct ids ids, struct call *call) {
    struct call *known = calls.lookup(&ids.tid);
    if (known)
        *known = *call;
    else if (calls.update(&ids.tid, call))
        return -1;
    return set_owner_request(ids.pid, call->lock_tid, call->request);
}

INLINE void ends_serving(struct ids ids, struct call *call) {
    set_owner_request(ids.pid, call->lock_tid, 0);
    call->request = 0;
    call->message = 0;
}

/* The thread is no more. */
INLINE void forget_calls(struct ids ids) {
    struct call *call = calls.lookup(&ids.tid);
    if (!call)
        return;
    struct lock_owner owner = {ids.pid, call->lock_tid};
    owner_requests.delete(&owner);
    calls.delete(&ids.tid);
}

/* virNetServerProgramDispatch(program, server, client, message) */
int call_dispatched(struct pt_regs *ctx) {
    struct ids ids = current_ids();
    struct target *target = traced(ids);
    struct call call = {.client = PT_REGS_PARM3(ctx), .message = PT_REGS_PARM4(ctx)};
    struct message_header header = {};
    if (!target || read_user(&header, sizeof(header), (void *)(call.message + MESSAGE_HEADER)))
        return 0;
    struct call *left_open = calls.lookup(&ids.tid);
    if (left_open && left_open->request)
        ends_serving(ids, left_open);
    if (header.type != MESSAGE_CALL && header.type != MESSAGE_CALL_WITH_FDS)
        return 0;
    struct message_key key = {call.message, ids.pid};
    struct arrival *arrival = arrivals.lookup(&key);
    call.dispatched = bpf_ktime_get_ns();
    call.request = (u64)header.program << 32 | (u64)(header.procedure & 0xffffff) << 8 | 1;
    call.lock_tid = tid_in_locks(target, ids.tid);
    if (arrival) {
        call.received = arrival->received;
        call.bytes = arrival->bytes;
        arrival->received = 0;
    }
    if (begins_serving(ids, &call))
        count(COUNTER_CALLS_LOST);
    starts_running();
    return 0;
}

/* virNetServerClientSendMessage(client, message): the reply, where it is the message that this thread serves. */
int reply_queued(struct pt_regs *ctx) {
    struct ids ids = current_ids();
    struct call *call = calls.lookup(&ids.tid);
    struct call_event event = {};
    if (!call || !call->request || PT_REGS_PARM2(ctx) != call->message)
        return 0;
    event.type = EVENT_CALL;
    event.pid = ids.pid;
    event.tid = ids.tid;
    event.request = call->request;
    event.received = call->received;
    event.dispatched = call->dispatched;
    event.replied = bpf_ktime_get_ns();
    event.client = call->client;
    event.bytes = call->bytes;
    struct message_header header = {};
    read_user(&header, sizeof(header), (void *)(call->message + MESSAGE_HEADER));
    event.failed = header.status == STATUS_ERROR;
    stops_running(&event);
    ends_serving(ids, call);
    if (events.ringbuf_output(&event, sizeof(event), BPF_RB_NO_WAKEUP))
        count(COUNTER_CALLS_LOST);
    return 0;
}

/* virThreadJobSet(name): the text is a constant of the daemon. */
int job_named(struct pt_regs *ctx) {
    u64 request = current_request(current_ids().tid), name = PT_REGS_PARM1(ctx);
    if (request)
        job_names.update(&request, &name);
    return 0;
}
