/* The stack walk, FRAMES_PER_CALL frames a program, and what becomes of a finished stack. */

/* What is handed from one program to the next that runs in its place: the call that has begun, or what a
 * stack is taken for and how far the walk has come. `stack` is what is sent.
 */
struct walk {
    struct futex_call call;
    struct target target; /* that has called */
    struct cursor at;
    struct stack_copy copy;
    u32 first_mapping;
    u32 mappings;
    u32 generation; /* of these */
    u32 then;       /* enum program */
    u32 frames;
    u64 hash;
    struct stack_event stack;
};
BPF_PERCPU_ARRAY(walks, struct walk, 1);

INLINE struct mapping *find_mapping(struct walk *walk, u64 pc) {
    u32 step, found = 0, index;
    struct mapping *mapping;
    for (step = MAPPING_STEP; step; step >>= 1) {
        u64 inside = below(found + step, walk->mappings);
        index = walk->first_mapping + ((found + step) & inside);
        mapping = mappings.lookup(&index);
        if (!mapping)
            return 0;
        found += step & inside & at_most(mapping->start, pc);
    }
    index = walk->first_mapping + found;
    mapping = mappings.lookup(&index);
    return mapping && mapping->start <= pc && pc < mapping->end ? mapping : 0;
}

/* By the mapping's table, or else a row of type ROW_NONE. */
INLINE u32 row_in(struct mapping *mapping, u64 pc) {
    u64 relative = (u32)(pc - mapping->bias), *row;
    u32 block_index = ((u32)relative - mapping->first_pc) >> 8, step, found = 0, index;
    if ((u32)relative < mapping->first_pc || block_index >= mapping->blocks)
        return ROW_NONE;
    index = mapping->first_block + block_index;
    struct row_block *block = unwind_blocks.lookup(&index);
    if (!block)
        return ROW_NONE;
    u32 first = block->first, rows = block->rows;
    for (step = ROW_STEP; step; step >>= 1) {
        u64 inside = below(found + step, rows);
        index = first + ((found + step) & inside);
        row = unwind_rows.lookup(&index);
        if (!row)
            return ROW_NONE;
        found += step & inside & at_most(*row >> 32, relative);
    }
    index = first + found;
    row = unwind_rows.lookup(&index);
    return row && *row >> 32 <= relative ? (u32)*row : ROW_NONE;
}

INLINE u32 search_row(struct walk *walk, u64 pc) {
    struct mapping *mapping = find_mapping(walk, pc);
    if (!mapping)
        return ROW_UNMAPPED;
    return mapping->flags & MAPPING_FRAME_POINTERS ? ROW_FRAME_POINTER : row_in(mapping, pc);
}

/* The same few thousand pcs are walked through again and again, and the tables are far larger than the CPU's caches:
 * each CPU keeps what it found last. All of a generation stays as it is.
 */
#define KNOWN_ROWS_BITS 10
struct known_row {
    u64 pc;
    u32 generation;
    u32 row;
};
BPF_PERCPU_ARRAY(known_rows, struct known_row, 1 << KNOWN_ROWS_BITS);

INLINE u32 find_row(struct walk *walk, u64 pc) {
    u32 place = pc * 0x9e3779b97f4a7c15ull >> (64 - KNOWN_ROWS_BITS);
    struct known_row *known = known_rows.lookup(&place);
    if (!known)
        return ROW_BAD; /* never: the array is as large as its index */
    if (known->pc != pc || known->generation != walk->generation)
        *known = (struct known_row){pc, walk->generation, search_row(walk, pc)};
    return known->row;
}

INLINE u32 step_out(struct walk *walk) {
    return step_row(&walk->at, &walk->copy, find_row(walk, walk->at.ip - (walk->at.exact ? 0 : 1)));
}

/* Starts the walk and does not return, unless the kernel refuses the tail call. */
INLINE void take_stack(void *ctx, struct target *target, struct ids ids, struct registers *user, u32 then) {
    u32 zero = 0;
    struct walk *walk = walks.lookup(&zero);
    if (!walk)
        return;
    walk->at.ip = user->ip;
    walk->at.sp = user->sp;
    walk->at.bp = user->bp;
    walk->at.exact = 1;
    walk->copy.start = 0;
    walk->first_mapping = target->first_mapping;
    walk->mappings = target->mappings;
    walk->generation = target->generation;
    walk->then = then;
    walk->frames = 0;
    walk->hash = 0xcbf29ce484222325ull ^ ids.pid;
    walk->stack.pid = ids.pid;
    walk->stack.tid = ids.tid;
    programs.call(ctx, PROGRAM_UNWIND);
}

INLINE void add_frame(struct walk *walk) {
    u64 mixed = (walk->hash ^ walk->at.ip) * 0x9e3779b97f4a7c15ull;
    walk->stack.pcs[walk->frames & 127] = walk->at.ip;
    walk->frames += 1;
    walk->hash = mixed ^ mixed >> 29;
}

int unwind(void *ctx) {
    u32 zero = 0, k, end = KEEP_GOING;
    struct walk *walk = walks.lookup(&zero);
    if (!walk)
        return 0;
    for (k = 0; k < FRAMES_PER_CALL; k++) {
        if (walk->frames >= MAX_FRAMES) {
            end = END_TOO_DEEP;
            break;
        }
        add_frame(walk);
        end = step_out(walk);
        if (end != KEEP_GOING)
            break;
    }
    if (end == KEEP_GOING) {
        programs.call(ctx, PROGRAM_UNWIND);
        end = END_TOO_DEEP;
    }
    walk->stack.end = end;
    programs.call(ctx, walk->then);
    return 0;
}

/* Sends the stack if it is new. Returns its id: 0 where it was lost, for lack of room here or in the ring. */
INLINE u64 keep_stack(struct walk *walk) {
    u64 id = (walk->hash ^ walk->stack.end) | 1;
    u32 frames = walk->frames & 127, one = 1;
    count(COUNTER_STACKS);
    count(COUNTER_STACK_ENDS + (walk->stack.end & 7));
    if (known_stacks.lookup(&id))
        return id;
    walk->stack.type = EVENT_STACK;
    walk->stack.frames = frames;
    walk->stack.id = id;
    if (known_stacks.update(&id, &one)) {
        count(COUNTER_STACKS_LOST);
        return 0;
    }
    if (events.ringbuf_output(&walk->stack, STACK_HEADER + frames * 8, BPF_RB_NO_WAKEUP)) {
        known_stacks.delete(&id);
        count(COUNTER_STACKS_LOST);
        return 0;
    }
    return id;
}
