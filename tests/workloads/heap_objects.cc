// Locks in objects on the heap: of a class with virtual functions, of one that inherits, of one in an array, made by
// std::make_shared with and without virtual functions; and in a structure that merely begins with such an object, and
// in one without virtual functions.
//
// Waits are long enough for lockwatch to look at a waiter's memory meanwhile. The protocol is that of truth.h.
#include <pthread.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace shop {

struct Base {
    virtual ~Base() = default;
    virtual long count() const { return 1; }
    std::mutex base_guard;
};

class Store : public Base {
  public:
    long count() const override { return 2; }
    std::string name = "a name that is too long to be kept within the string";
    pthread_mutex_t locks[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
};

template <typename T> class Box : public Base {
  public:
    T value{};
    std::mutex guard;
};

struct Account {
    long balance = 0;
    std::mutex guard;
};

} // namespace shop

// Begins with an object, and is none.
struct Pair {
    shop::Box<int> first;
    std::mutex guard;
};

struct Plain {
    long before;
    std::mutex guard;
};

static shop::Store *store;
static shop::Box<shop::Account *> *box;
static std::shared_ptr<shop::Account> account;
static std::shared_ptr<shop::Store> shared_store;
static Pair *pair;
static Plain *plain;

[[gnu::noinline]] static void hold(pthread_mutex_t *mutex) {
    for (int i = 0; i < 40; i++) {
        pthread_mutex_lock(mutex);
        usleep(20000);
        pthread_mutex_unlock(mutex);
        usleep(500);
    }
}

static void print(const char *name, const void *address) {
    printf(", \"%s\": %lu", name, reinterpret_cast<unsigned long>(address));
}

int main() {
    store = new shop::Store;
    box = new shop::Box<shop::Account *>;
    account = std::make_shared<shop::Account>();
    shared_store = std::make_shared<shop::Store>();
    pair = new Pair;
    plain = new Plain;
    printf("ready %d\n", getpid());
    fflush(stdout);
    getchar();
    pthread_mutex_t *locks[] = {store->base_guard.native_handle(), &store->locks[1],         box->guard.native_handle(),
                                account->guard.native_handle(),    &shared_store->locks[2], pair->guard.native_handle(),
                                plain->guard.native_handle()};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; i++)
        for (auto lock : locks)
            threads.emplace_back(hold, lock);
    for (auto &thread : threads)
        thread.join();
    printf("{\"pid\": %d", getpid());
    print("base", &store->base_guard);
    print("element", &store->locks[1]);
    print("box", &box->guard);
    print("account", &account->guard);
    print("shared", &shared_store->locks[2]);
    print("pair", &pair->guard);
    print("plain", &plain->guard);
    printf("}\n");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    delete store;
    delete box;
    delete pair;
    delete plain;
    return 0;
}
