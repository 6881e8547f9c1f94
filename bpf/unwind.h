/* Steps of the unwinder that need no map. */
#pragma once

/* All ones where a < b, or a <= b, else 0, for operands below 2^63: comparisons without a branch keep the
 * verifier on one path through the searches.
 */
INLINE u64 below(u64 a, u64 b) {
    u64 d = a - b;
    asm volatile("" : "+r"(d));
    d = (u64)((s64)d >> 63);
    asm volatile("" : "+r"(d));
    return d;
}

INLINE u64 at_most(u64 a, u64 b) {
    u64 d = b - a;
    asm volatile("" : "+r"(d));
    d = ~(u64)((s64)d >> 63);
    asm volatile("" : "+r"(d));
    return d;
}

#define KEEP_GOING STACK_ENDS /* no stack_end: there is a caller */

/* The kernel's rt signal frame as the handler's return finds it: struct ucontext at rsp. */
#define SIGNAL_FRAME_RBP 120
#define SIGNAL_FRAME_RSP 160
#define SIGNAL_FRAME_RIP 168

#define FRAME_POINTER_REACH (1 << 20) /* bytes: farther away, rbp is no frame pointer */

struct cursor {
    u64 ip;
    u64 sp;
    u64 bp;
    u32 exact; /* ip is the instruction itself, not a return address */
    u32 end;
};

/* A copy of a part of the stack: one read of a kilobyte costs about as much as one of two words, and ten frames may lie
 * in it.
 */
#define COPIED_WORDS 128
struct stack_copy {
    u64 start; /* 0: none */
    u64 words[COPIED_WORDS];
};

INLINE int is_copied(struct stack_copy *copy, u64 address) {
    return !(address & 7) && copy->start && address - copy->start <= 8 * (COPIED_WORDS - 2);
}

/* Copies from `from` on, if that reaches `address`: else from there. */
INLINE void copy_stack(struct stack_copy *copy, u64 from, u64 address) {
    u64 start = address - from <= 8 * (COPIED_WORDS - 2) ? from : address;
    copy->start = read_user(copy->words, sizeof(copy->words), (void *)start) ? 0 : start;
}

/* Two words of the stack, whose lowest byte in use is at `sp`. */
INLINE int read_stack(struct stack_copy *copy, u64 sp, u64 address, u64 *words) {
    if (!is_copied(copy, address))
        copy_stack(copy, sp & ~7ull, address);
    if (!is_copied(copy, address))
        return read_user(words, 16, (void *)address);
    u64 index = (address - copy->start) >> 3;
    words[0] = copy->words[index % COPIED_WORDS];
    words[1] = copy->words[(index + 1) % COPIED_WORDS];
    return 0;
}

INLINE u32 step_signal(struct cursor *at) {
    u64 sp = at->sp;
    if (read_user(&at->bp, 8, (void *)(sp + SIGNAL_FRAME_RBP)) ||
        read_user(&at->sp, 8, (void *)(sp + SIGNAL_FRAME_RSP)) ||
        read_user(&at->ip, 8, (void *)(sp + SIGNAL_FRAME_RIP)))
        return END_UNREADABLE;
    at->exact = 1;
    return KEEP_GOING;
}

INLINE u32 step_frame_pointer(struct cursor *at) {
    u64 saved[2];
    if (at->bp < at->sp || at->bp - at->sp > FRAME_POINTER_REACH)
        return END_JIT;
    if (read_user(saved, 16, (void *)at->bp) || !saved[1])
        return END_JIT;
    at->sp = at->bp + 16;
    at->bp = saved[0];
    at->ip = saved[1];
    at->exact = 0;
    return KEEP_GOING;
}

/* To the caller by one row: its low 32 bits. */
INLINE u32 step_row(struct cursor *at, struct stack_copy *copy, u32 row) {
    u32 type = row & 255;
    s64 offset = (s64)(s16)(row >> 16) * 8, slot = (s64)(s8)(row >> 8) * 8;
    u64 cfa, saved[2];
    if (type == ROW_END)
        return END_COMPLETE;
    if (type == ROW_FRAME_POINTER)
        return step_frame_pointer(at);
    if (type == ROW_SIGNAL)
        return step_signal(at);
    if (type == ROW_RSP)
        cfa = at->sp + offset;
    else if (type == ROW_RBP)
        cfa = at->bp + offset;
    else if (type == ROW_PLT)
        cfa = at->sp + 8 + ((at->ip & 15) >= (u64)(offset >> 3) ? 8 : 0);
    else if (type == ROW_DRAP) {
        if (read_user(&cfa, 8, (void *)(at->bp + offset)))
            return END_UNREADABLE;
    } else
        return type == ROW_UNMAPPED ? END_NO_MAPPING : type == ROW_NONE ? END_NO_ROW : END_BAD_ROW;
    if (slot < 0) {
        if (read_stack(copy, at->sp, cfa + slot, saved))
            return END_UNREADABLE;
        at->bp = saved[0];
    }
    if (read_stack(copy, at->sp, cfa - 16, saved))
        return END_UNREADABLE;
    if (slot > 0 && read_user(&at->bp, 8, (void *)at->bp))
        return END_UNREADABLE;
    at->sp = cfa;
    at->ip = saved[1];
    at->exact = 0;
    return saved[1] ? KEEP_GOING : END_COMPLETE;
}
