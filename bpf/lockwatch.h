/* The ABI between the BPF programs and the frontend: the one definition that both sides use.
 *
 * tracer/abi.py reads this file: `#define NAME number`, `enum name { ... }` and `struct name { ... }` whose
 * fields are u8, u16, u32, u64, s64, char or arrays of them. Every struct is laid out without holes and
 * says its size. Times are CLOCK_MONOTONIC nanoseconds; addresses are the target's.
 */
#pragma once

#define MAX_FRAMES 127
#define FRAMES_PER_CALL 8
#define HISTOGRAM_SLOTS 64
#define COMM_LENGTH 16
#define STACK_HEADER 24 /* bytes of a stack_event before its pcs */

/* ---- unwind tables ------------------------------------------------------------------------------------ */

/* How one row finds the caller's frame. A row is a u64:
 * file-relative pc << 32 | (cfa offset / 8, s16) << 16 | (rbp slot / 8, s8) << 8 | type.
 * The rbp slot is relative to the CFA and negative; 0: rbp is unchanged; 1 (as offset 8): saved at [rbp].
 */
enum row_type {
    ROW_NONE,   /* no code here: the gap after a function */
    ROW_RSP,    /* CFA = rsp + offset */
    ROW_RBP,    /* CFA = rbp + offset */
    ROW_PLT,    /* CFA = rsp + 8, and 8 more from the offset'th byte of the 16-byte stub on */
    ROW_SIGNAL, /* the kernel's signal frame: rip, rsp and rbp lie in the saved context */
    ROW_DRAP,   /* CFA = *(rbp + offset): a function that realigned its stack */
    ROW_END,    /* the outermost frame: _start, clone3 */
    ROW_BAD,    /* a rule that a row cannot hold */
    ROW_FRAME_POINTER, /* no row of a table: code without any, where rbp is followed */
    ROW_UNMAPPED       /* no row of a table: the pc lies in no known mapping */
};

/* The rows to search for 256 bytes of text. */
struct row_block {
    u32 first;
    u32 rows;
};
_Static_assert(sizeof(struct row_block) == 8, "row_block");

#define MAPPING_FRAME_POINTERS 1 /* code without .eh_frame: follow rbp */

/* One executable mapping of one process. Sorted by start within a process. */
struct mapping {
    u64 start;
    u64 end;
    u64 bias;        /* address - bias = the file's own address, which the rows are in */
    u32 first_pc;    /* file-relative pc at which block `first_block` begins; a multiple of 256 */
    u32 first_block;
    u32 blocks;
    u32 flags;
};
_Static_assert(sizeof(struct mapping) == 40, "mapping");

/* Why a stack ended. */
enum stack_end {
    END_COMPLETE,
    END_NO_MAPPING,   /* the pc lies in no known mapping: code mapped since the tables were built */
    END_NO_ROW,       /* the file has no unwind row for this pc */
    END_UNREADABLE,   /* the stack could not be read */
    END_BAD_ROW,      /* a rule that a row cannot hold */
    END_TOO_DEEP,     /* more than MAX_FRAMES frames */
    END_JIT,          /* frame pointers, followed for lack of unwind rows, led nowhere */
    END_UNKNOWN,      /* the stack was not taken */
    STACK_ENDS
};

/* ---- a traced process --------------------------------------------------------------------------------- */

/* Whether a process is traced is asked at every futex call on the machine, so without a hash map: each target has the
 * place pid % TARGET_PLACES for itself. There stands its pid << 32 | the index of its struct target; 0: none. Of these
 * it has two, as it has two areas of mappings: one is in use while the other is written.
 */

#define TARGET_OTHER_PID_NAMESPACE 1 /* its locks hold thread ids of its own pid namespace */

struct target {
    u64 ns_device;
    u64 ns_inode;
    u32 first_mapping;
    u32 mappings;
    u32 flags;
    u32 generation; /* of its mappings: no others of this trace, earlier or of another process, have the same; not 0 */
};
_Static_assert(sizeof(struct target) == 32, "target");

/* ---- waits -------------------------------------------------------------------------------------------- */

enum phase { PHASE_IDLE, PHASE_BETWEEN, PHASE_ASLEEP };

enum outcome { OUTCOME_WOKEN, OUTCOME_TIMEOUT, OUTCOME_INTERRUPTED };

#define WAIT_WORD_UNCHANGED 1   /* the word still equalled val when the last sleep ended */
#define WAIT_RESUMED 2          /* the kernel asked for the interrupted sleep to be resumed */
#define WAIT_OWNER_CONFIRMED 4  /* the owner read at the wait's start has woken the word since */
#define WAIT_STACK_TAKEN 8
#define WAIT_BEFORE_ATTACH 16   /* it had begun before the trace: `started` is when the trace did */
#define WAIT_KNOWN_IDLE 32      /* its stack was not taken, but known: see "idle waits" */
#define WAIT_NO_ROOM 64         /* for its owner or its blame, in the maps */
#define WAIT_OVER 128           /* the thread wakes others: what it last slept for, it has got, or given up */
#define THREAD_RELEASES 256     /* the call that is under way is charged: see "releases" in bpf/futex/blame.bpf.c */

/* What a thread waits, or has last waited, for. */
struct thread_state {
    u64 word;
    u64 started;    /* the first sleep's start */
    u64 ended;      /* the last sleep's end; 0 before the first */
    u64 slept;      /* the current sleep's start */
    u64 left;       /* when our last hook on its sleep's end was done: from here on the thread itself runs */
    u64 run_delay;  /* ns that the thread had waited for a CPU by then */
    u64 ip;
    u64 sp;
    u64 bp;
    u64 stack;      /* stack id, 0: not taken */
    u64 object;     /* that the word lies in: see "objects" */
    u64 request;    /* of this thread when the wait began, 0: none */
    u64 call;       /* the same call, told from the thread's others: when it was dispatched; 0: before the trace */
    u64 owner_request;
    u32 pid;
    u32 operation;  /* the futex command with its flags, as passed */
    u32 value;      /* the word's expected value, as passed */
    u32 owner;      /* as the lock names it: a tid of the target's own pid namespace; 0: unknown */
    u32 sleeps;
    u32 phase;
    u32 outcome;
    u32 flags;
    u64 marked;     /* when its sleep entered its word's account of blame: see bpf/futex/blame.bpf.c */
};
_Static_assert(sizeof(struct thread_state) == 152, "thread_state");

/* Waits are summed per word, call instruction, way of waiting and request; the first stack tells the kind. */
struct wait_key {
    u64 word;
    u64 ip;
    u64 object;
    u64 request;    /* on whose behalf, 0: none known */
    u32 pid;
    u32 operation;
    u32 value;      /* as passed, where it tells the way of waiting: else 0 */
    u32 pad;
};
_Static_assert(sizeof(struct wait_key) == 48, "wait_key");

struct wait_total {
    u64 stack;      /* of the first wait */
    u64 waits;
    u64 wait_ns;
    u64 max_wait_ns;
    u64 sleeps;
    u64 timeouts;
    u64 interrupted;
    u64 long_waits;
    u64 long_wait_ns;
    u64 eagain;     /* calls that did not sleep: the word had changed */
    u32 histogram[HISTOGRAM_SLOTS]; /* by floor(log2 ns) */
};
_Static_assert(sizeof(struct wait_total) == 336, "wait_total");

struct owner_key {
    u64 word;
    u64 object;
    u64 request;       /* of the waiter */
    u64 owner_request; /* of the owner, when the wait began */
    u32 pid;
    u32 owner;
};
_Static_assert(sizeof(struct owner_key) == 40, "owner_key");

struct owner_total {
    u64 waits;
    u64 wait_ns;
    u64 confirmed;
};
_Static_assert(sizeof(struct owner_total) == 24, "owner_total");

/* ---- blame -------------------------------------------------------------------------------------------- */

struct word_key {
    u64 word;
    u32 pid;
    u32 pad;
};
_Static_assert(sizeof(struct word_key) == 16, "word_key");

struct word_state {
    u64 waiters;       /* sum over the waiters of (their start << 16 | 1): see bpf/waits.h */
    u64 charged;       /* waiting time that has found its release site, in ticks as there, modulo 2^48 */
    u64 short_ns;      /* charged by releases below the threshold */
    u64 short_releases;
    u64 unreleased;    /* sleeps ended by a timeout, a signal, or another process */
    u64 charged_at;    /* the last release's time */
    u64 object;
    u64 moved;         /* some of its waiters may wait for another word: nobody who wakes it is charged */
    u64 idle_until;    /* its waits are known to be idle: see "idle waits" */
    u64 alone_until;   /* it is known to lie in no object */
};
_Static_assert(sizeof(struct word_state) == 80, "word_state");

/* Releases that were charged with the threshold or more, summed where no recording asks for each of them. */
struct release_key {
    u64 word;
    u64 stack;
    u64 request;
    u32 pid;
    u32 tid;
};
_Static_assert(sizeof(struct release_key) == 32, "release_key");

struct release_total {
    u64 releases;
    u64 blame_ns;
    char comm[COMM_LENGTH];
};
_Static_assert(sizeof(struct release_total) == 32, "release_total");

/* Who has woken a word, as a lock of the target names it. */
struct waker_key {
    u64 word;
    u32 pid;
    u32 waker;
};
_Static_assert(sizeof(struct waker_key) == 16, "waker_key");

/* ---- idle waits --------------------------------------------------------------------------------------- */

/* Waits of a kind that no view of a trace shows need no stack each: the frontend tells the stack that one has had,
 * and until when others there are taken for the same. Where memory is used again another kind of lock may come to lie
 * at the word: so this holds for one place in the code, told by the thread's stack pointer within its page, and not
 * for long. Then one wait has its stack taken, for the frontend to look at, and the others go on for so long.
 */
#define PLACE_MASK 0xfff
#define IDLE_GRACE_NS 500000000 /* the frontend looks four times a second */

struct idle_key {
    u64 word;
    u64 ip;
    u64 object;
    u32 pid;
    u32 operation;
    u32 value;      /* as in struct wait_key */
    u32 place;
};
_Static_assert(sizeof(struct idle_key) == 40, "idle_key");

struct idle_stack {
    u64 stack;
    u64 until;
};
_Static_assert(sizeof(struct idle_stack) == 16, "idle_stack");

/* ---- objects ------------------------------------------------------------------------------------------ */

/* The object that a lock lies in, as a u64: its address | its class's number << 48 | a hash of its label << 59.
 * 0: none known. OBJECT_NOT_SOUGHT: no classes were known then.
 */
#define OBJECT_NOT_SOUGHT 1
#define OBJECT_CLASS_SHIFT 48
#define OBJECT_LABEL_SHIFT 59
#define OBJECT_REACH 1024 /* bytes below a word that are searched for its object */
#define OBJECT_CLASSES 2048
#define LABEL_LENGTH 64

struct class_key {
    u64 address; /* of the class: an object's first word */
    u32 pid;
    u32 pad;
};
_Static_assert(sizeof(struct class_key) == 16, "class_key");

/* An object's label is the string at *(*(object + label_holder) + label_text), where label_holder is not 0. */
struct object_class {
    u64 own_word; /* a word that holds the class's address without being an object */
    u32 instance_size;
    u32 number;
    u32 label_holder;
    u32 label_text;
};
_Static_assert(sizeof(struct object_class) == 24, "object_class");

/* Tells most words that are no class's address without a look-up: a class at `address` has bit
 * (address >> 4) & 63 set in the word (address >> 10) % CLASS_FILTER_WORDS.
 */
#define CLASS_FILTER_WORDS 64
struct class_filter {
    u64 classes; /* how many there are */
    u64 bits[CLASS_FILTER_WORDS];
};
_Static_assert(sizeof(struct class_filter) == 8 + 8 * CLASS_FILTER_WORDS, "class_filter");

struct label_key {
    u64 object;
    u32 pid;
    u32 pad;
};
_Static_assert(sizeof(struct label_key) == 16, "label_key");

/* Zero padded. All zero: objects with different labels have had this key. */
struct object_label {
    u64 text[8];
};
_Static_assert(sizeof(struct object_label) == LABEL_LENGTH, "object_label");

/* ---- requests ----------------------------------------------------------------------------------------- */

/* A call being served, as a u64: program << 32 | procedure << 8 | 1. 0: none. */

/* The one that a thread serves, or has served last. */
struct call {
    u64 request;  /* 0: it is over */
    u64 message;
    u64 client;   /* address of the connection's object */
    u64 received; /* 0: before the attach */
    u64 dispatched;
    u64 bytes;    /* length of the request message */
    u32 lock_tid; /* this thread, as locks name their owner */
    u32 pad;
};
_Static_assert(sizeof(struct call) == 56, "call");

/* ---- the pthread_mutex_lock probe ------------------------------------------------------------------------ */

struct acquisition_key {
    u64 mutex;
    u32 pid;
    u32 pad;
};
_Static_assert(sizeof(struct acquisition_key) == 16, "acquisition_key");

/* What a thread took while a window of the sampled probe was being counted. */
struct window_key {
    u64 mutex;
    u32 pid;
    u32 tid;
};
_Static_assert(sizeof(struct window_key) == 16, "window_key");

struct window_count {
    u64 hits;
    u64 first;
    u64 last;
};
_Static_assert(sizeof(struct window_count) == 24, "window_count");

#define PROBE_BATCH 32 /* hits of one CPU between two looks at the hits of all */

/* Of one CPU, in a cache line of its own. */
struct probe_cpu {
    u64 hits;
    u64 lost;        /* hits that no map had room for */
    u64 window_lost; /* of the windows */
    u64 unused[5];
};
_Static_assert(sizeof(struct probe_cpu) == 64, "probe_cpu");

/* Of all CPUs. The frontend writes `alarm` and `window`. */
struct probe_control {
    u64 batched; /* hits of all CPUs, less than PROBE_BATCH of each missing */
    u64 unused[7];
    u64 alarm;   /* wake the frontend when `batched` gets here; 0: never */
    u64 window;  /* not 0: count by thread, too */
    u64 unused_too[6];
};
_Static_assert(sizeof(struct probe_control) == 128, "probe_control");

/* ---- events ------------------------------------------------------------------------------------------- */

enum event_type { EVENT_WAIT = 1, EVENT_RELEASE, EVENT_STACK, EVENT_EXEC, EVENT_CALL };

/* A wait that reached the threshold and is over. Up to `started` it tells what the wait was; then, how it went. */
struct wait_event {
    u32 type;
    u32 pid;
    u32 tid;
    u32 operation;
    u32 value;
    u32 place;      /* as in struct idle_key */
    u64 word;
    u64 ip;
    u64 stack;
    u64 object;
    u64 request;
    char comm[COMM_LENGTH];
    u64 started;
    u64 ended;
    u64 call;
    u64 owner_request;
    u32 owner;
    u32 sleeps;
    u32 outcome;
    u32 flags;
};
_Static_assert(sizeof(struct wait_event) == 128, "wait_event");

/* A release that was charged with the threshold or more. */
struct release_event {
    u32 type;
    u32 pid;
    u32 tid;
    u32 operation;
    u64 word;
    u64 time;
    u64 blame_ns;
    u64 stack;
    u64 object;
    u64 request;
    char comm[COMM_LENGTH];
};
_Static_assert(sizeof(struct release_event) == 80, "release_event");

/* A stack seen for the first time; `frames` pcs are sent, innermost first. */
struct stack_event {
    u32 type;
    u32 pid;
    u32 tid;
    u16 frames;
    u16 end;
    u64 id;
    u64 pcs[MAX_FRAMES];
};
_Static_assert(sizeof(struct stack_event) == 1040, "stack_event");

struct exec_event {
    u32 type;
    u32 pid;
};
_Static_assert(sizeof(struct exec_event) == 8, "exec_event");

/* A served call of a known server is over: its reply is queued. */
struct call_event {
    u32 type;
    u32 pid;
    u32 tid;
    u32 failed;
    u64 request;
    u64 received;   /* its header was decoded by the event loop */
    u64 dispatched; /* a worker took it */
    u64 replied;
    u64 client;     /* address of the connection's object */
    u64 bytes;      /* length of the request message */
    u64 off_cpu;    /* ns off the CPU while it was served, outside of futex waits: with scheduler data */
    u64 run_queue;  /* ns of these in the run queue */
};
_Static_assert(sizeof(struct call_event) == 80, "call_event");

/* ---- counters and control ------------------------------------------------------------------------------ */

enum counter {
    COUNTER_FUTEX_CALLS,
    COUNTER_WAITS_LOST,     /* a wait, its owner or its blame, that no map had room for */
    COUNTER_STACKS_LOST,    /* a new stack that the map or the ring buffer had no room for */
    COUNTER_EVENTS_LOST,    /* a long wait or release that the ring buffer had no room for */
    COUNTER_CALLS_LOST,     /* a served call, or its time off the CPU, that there was no room for */
    COUNTER_STACKS,         /* stacks taken */
    COUNTER_STACK_ENDS,     /* the first of STACK_ENDS counters: how they ended */
    COUNTER_AFTER_STACK_ENDS = COUNTER_STACK_ENDS + STACK_ENDS,
    COUNTERS = COUNTER_AFTER_STACK_ENDS
};
