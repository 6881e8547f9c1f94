/* The object around a lock: found when a wait starts, since an object may be gone when its wait is read.
 *
 * An object's first word is the address of its class. So the words below the lock are held against the
 * classes that the frontend has found in the target, the nearest first.
 */

BPF_TABLE("hash", struct class_key, struct object_class, object_classes, 16384);
BPF_ARRAY(class_filter, struct class_filter, 1);
BPF_TABLE("lru_hash", struct label_key, struct object_label, object_labels, 8192);

#define REACH_WORDS (OBJECT_REACH / 8)
#define LABEL_WORDS (LABEL_LENGTH / 8)

struct object_scratch {
    u64 words[REACH_WORDS];
    struct object_label label;
};
BPF_PERCPU_ARRAY(object_scratch, struct object_scratch, 1);

static s64 (*const read_user_string)(void *to, u32 size, const void *from) = (void *)114;

/* Reads the words up to and including the one at `last`. Returns how many: fewer where the page before is
 * not there.
 */
INLINE u32 read_below(u64 *words, u64 last) {
    if (!read_user(words, OBJECT_REACH, (void *)(last + 8 - OBJECT_REACH)))
        return REACH_WORDS;
    u32 size = (last & 0xfff) + 8;
    if (size >= OBJECT_REACH || read_user(words, size, (void *)(last + 8 - size)))
        return 0;
    return size / 8;
}

/* Keeps the label for the frontend. Returns its hash, 0 where there is none. */
INLINE u64 keep_label(struct object_scratch *scratch, struct object_class *class, u32 pid, u64 object) {
    u64 holder = 0, text = 0, hash = 0;
    struct object_label *label = &scratch->label;
    __builtin_memset(label, 0, sizeof(*label));
    read_user(&holder, 8, (void *)((object & ((1ull << OBJECT_CLASS_SHIFT) - 1)) + class->label_holder));
    read_user(&text, 8, (void *)(holder + class->label_text));
    if (read_user_string(label, sizeof(*label), (void *)text) <= 1)
        return 0;
#pragma unroll
    for (int i = 0; i < LABEL_WORDS; i++)
        hash = (hash ^ label->text[i]) * 0x9e3779b97f4a7c15ull;
    hash = hash >> OBJECT_LABEL_SHIFT << OBJECT_LABEL_SHIFT;
    struct label_key key = {object | hash, pid};
    struct object_label *kept = object_labels.lookup(&key);
    if (!kept) {
        object_labels.update(&key, label);
        return hash;
    }
    u64 differs = 0;
#pragma unroll
    for (int i = 0; i < LABEL_WORDS; i++)
        differs |= kept->text[i] ^ label->text[i];
    if (differs)
        __builtin_memset(kept, 0, sizeof(*kept));
    return hash;
}

INLINE int may_be_class(struct class_filter *filter, u64 word) {
    return filter->bits[(word >> 10) % CLASS_FILTER_WORDS] >> (word >> 4 & 63) & 1;
}

/* The object that begins at `address` with the word `first`, where it reaches over the lock at `word`. */
INLINE struct object_class *class_over(u32 pid, u64 first, u64 address, u64 word) {
    struct class_key key = {first, pid};
    struct object_class *class = object_classes.lookup(&key);
    if (class && address != class->own_word && word - address < class->instance_size)
        return class;
    return 0;
}

/* The object that the current process's `word` lies in, 0: none known. */
INLINE u64 object_class(u32 pid, u64 word) {
    u32 zero = 0, words;
    u64 object = word & ~7ull;
    struct object_class *class = 0;
    struct class_filter *filter = class_filter.lookup(&zero);
    struct object_scratch *scratch = object_scratch.lookup(&zero);
    if (!filter || !scratch || !filter->classes)
        return 0;
    words = read_below(scratch->words, object);
    for (u32 back = 1; back <= REACH_WORDS; back++, object -= 8) {
        u64 first = scratch->words[(words - back) & (REACH_WORDS - 1)];
        if (back > words)
            return 0;
        if (!may_be_class(filter, first))
            continue;
        class = class_over(pid, first, object, word);
        if (class)
            break;
    }
    if (!class)
        return 0;
    object |= (u64)class->number << OBJECT_CLASS_SHIFT;
    return class->label_holder ? object | keep_label(scratch, class, pid, object) : object;
}
