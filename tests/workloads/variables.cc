// Locks in variables: alone, in structs, in arrays of structs, in C++ classes; on a thread's stack; on the heap.
//
// The protocol is that of truth.h.
#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>
#include <thread>

struct Row {
    long key;
    pthread_mutex_t lock;
};
struct State {
    char padding[40];
    pthread_mutex_t lock;
    struct {
        std::mutex inner;
    } nested;
};
class Store {
  public:
    long size = 0;
    std::mutex guard;
    static std::mutex shared;
};

pthread_mutex_t alone = PTHREAD_MUTEX_INITIALIZER;
State state;
std::mutex Store::shared;
static Row table[4][2];
static Store store;
static pthread_mutex_t *on_heap;
static pthread_mutex_t *on_stack;

[[gnu::noinline]] static void hold(pthread_mutex_t *mutex) {
    for (int i = 0; i < 20; i++) {
        pthread_mutex_lock(mutex);
        usleep(2000);
        pthread_mutex_unlock(mutex);
        usleep(500);
    }
}

[[gnu::noinline]] static void hold(std::mutex &mutex) {
    for (int i = 0; i < 20; i++) {
        {
            std::lock_guard<std::mutex> guard(mutex);
            usleep(2000);
        }
        usleep(500);
    }
}

static void work() {
    hold(&alone);
    hold(&state.lock);
    hold(state.nested.inner);
    hold(&table[3][1].lock);
    hold(store.guard);
    hold(Store::shared);
    hold(on_heap);
    hold(on_stack);
}

static void print(const char *name, const void *address) {
    printf(", \"%s\": %lu", name, reinterpret_cast<unsigned long>(address));
}

static void print_all() {
    printf("{\"pid\": %d", getpid());
    print("alone", &alone);
    print("state.lock", &state.lock);
    print("state.nested.inner", &state.nested.inner);
    print("table[3][1].lock", &table[3][1].lock);
    print("store.guard", &store.guard);
    print("Store::shared", &Store::shared);
    print("on_heap", on_heap);
    print("on_stack", on_stack);
    printf("}\n");
    fflush(stdout);
}

static void own() {
    pthread_mutex_t local = PTHREAD_MUTEX_INITIALIZER;
    on_stack = &local;
    pthread_setname_np(pthread_self(), "stack-owner");
    std::thread first(work), second(work);
    first.join();
    second.join();
    print_all();
    while (getchar() != EOF)
        continue;
}

int main() {
    on_heap = new pthread_mutex_t();
    printf("ready %d\n", getpid());
    fflush(stdout);
    getchar();
    std::thread owner(own);
    owner.join();
    return 0;
}
