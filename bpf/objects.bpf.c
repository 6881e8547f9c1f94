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
#define CANDIDATES 16 /* words that are looked up at most */
#define OBJECT_ADDRESS ((1ull << OBJECT_CLASS_SHIFT) - 1)
#define ALONE_NS 100000000 /* a lock in no object is not searched for one for so long */

/* Results go through here, where the verifier forgets what it knew of them: else it would follow the rest of
 * the program once for each way to a result.
 */
struct object_scratch {
    u64 words[REACH_WORDS];
    u64 start; /* address of the first of them */
    u32 candidates[REACH_WORDS]; /* indices of words, the nearest to the lock first */
    u64 object;
    struct object_class class;
    struct object_label label;
};
BPF_PERCPU_ARRAY(object_scratch, struct object_scratch, 1);

static s64 (*const read_user_string)(void *to, u32 size, const void *from) = (void *)114;

/* Reads the words up to and including the one at `last`, fewer where the page before is not there: then the
 * first read has left zeros.
 */
INLINE void read_below(struct object_scratch *scratch, u64 last) {
    u32 size = (last & 0xfff) + 8;
    scratch->start = last + 8 - OBJECT_REACH;
    if (!read_user(scratch->words, OBJECT_REACH, (void *)scratch->start) || size >= OBJECT_REACH)
        return;
    scratch->start = last + 8 - size;
    read_user(scratch->words, size, (void *)scratch->start);
}

/* Keeps the label for the frontend. Returns its hash, 0 where there is none. */
INLINE u64 keep_label(struct object_scratch *scratch, u32 pid, u64 object) {
    u64 holder = 0, text = 0, hash = 0;
    struct object_class *class = &scratch->class;
    struct object_label *label = &scratch->label;
    __builtin_memset(label, 0, sizeof(*label));
    read_user(&holder, 8, (void *)((object & OBJECT_ADDRESS) + class->label_holder));
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

/* Lists the words that may be addresses of classes, without a branch for each. Returns how many. */
INLINE u32 list_candidates(struct class_filter *filter, struct object_scratch *scratch) {
    u32 found = 0;
    for (u32 i = REACH_WORDS; i > 0; i--) {
        u64 word = scratch->words[i - 1];
        scratch->candidates[found % REACH_WORDS] = i - 1;
        found += filter->bits[(word >> 10) % CLASS_FILTER_WORDS] >> (word >> 4 & 63) & 1;
    }
    return found;
}

/* The lock's object begins at `address` if its first word, in `key`, is a class whose instances reach to the lock. */
INLINE void consider(struct object_scratch *scratch, struct class_key key, u64 address, u64 word) {
    struct object_class *class = object_classes.lookup(&key);
    if (class && address != class->own_word && word - address < class->instance_size) {
        scratch->class = *class;
        scratch->object = address | (u64)class->number << OBJECT_CLASS_SHIFT;
    }
}

INLINE void search(struct class_filter *filter, struct object_scratch *scratch, u32 pid, u64 word) {
    u32 found;
    read_below(scratch, word & ~7ull);
    found = list_candidates(filter, scratch);
    for (u32 i = 0; i < CANDIDATES && !scratch->object; i++) {
        /* Else the compiler counts down from the lesser bound, and Linux 6.1's verifier sees no end. */
        asm volatile("" : "+r"(found));
        if (i >= found)
            break;
        u32 index = scratch->candidates[i];
        struct class_key key = {scratch->words[index % REACH_WORDS], pid};
        consider(scratch, key, scratch->start + 8 * index, word);
    }
}

/* Whether the object that a wait here lay in before is still there: GObject takes the class away from one that dies. */
INLINE void look_again(struct object_scratch *scratch, u32 pid, u64 word, u64 before) {
    u64 address = before & OBJECT_ADDRESS;
    struct class_key key = {0, pid};
    if (before == OBJECT_NOT_SOUGHT || read_user(&key.address, 8, (void *)address))
        return;
    consider(scratch, key, address, word);
}

/* The object that the current process's `word` lies in, 0: none known; or OBJECT_NOT_SOUGHT. */
INLINE u64 object_of(u32 pid, u64 address, struct word_state *word, u64 now) {
    u32 zero = 0;
    struct class_filter *filter = class_filter.lookup(&zero);
    struct object_scratch *scratch = object_scratch.lookup(&zero);
    if (!filter || !scratch || !filter->classes)
        return OBJECT_NOT_SOUGHT;
    if (word && word->alone_until > now)
        return 0;
    scratch->object = 0;
    if (word && word->object)
        look_again(scratch, pid, address, word->object);
    if (!scratch->object)
        search(filter, scratch, pid, address);
    if (word && !scratch->object)
        word->alone_until = now + ALONE_NS;
    if (scratch->object && scratch->class.label_holder)
        scratch->object |= keep_label(scratch, pid, scratch->object);
    return scratch->object;
}
