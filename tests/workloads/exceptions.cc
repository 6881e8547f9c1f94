// C++: a std::mutex waited for in a catch block, in a destructor while an exception passes, and in a template.
// usage: exceptions SECONDS
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace store {

static std::mutex gate;
static std::atomic<bool> stopping;

[[gnu::noinline]] void pass_gate()
{
    {
        std::lock_guard<std::mutex> guard(gate);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
}

struct Cleanup {
    [[gnu::noinline]] ~Cleanup() { pass_gate(); }
};

[[gnu::noinline]] void thrower(int n)
{
    if (n == 0)
        throw std::runtime_error("no such item");
    thrower(n - 1);
    asm volatile("" ::: "memory");
}

[[gnu::noinline]] void in_destructor()
{
    Cleanup cleanup;
    thrower(5);
}

[[gnu::noinline]] void in_catch()
{
    try {
        thrower(3);
    } catch (const std::exception &) {
        pass_gate();
        asm volatile("" ::: "memory");
    }
}

template <typename Key> struct Table {
    [[gnu::noinline]] void find(const Key &key)
    {
        volatile auto size = key.size();
        (void)size;
        pass_gate();
        asm volatile("" ::: "memory");
    }
};

void keep_gate()
{
    while (!stopping) {
        {
            std::lock_guard<std::mutex> guard(gate);
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

void work(int which)
{
    Table<std::string> table;
    const std::string key = "key";
    while (!stopping) {
        if (which == 0)
            try {
                in_destructor();
            } catch (const std::exception &) {
            }
        else if (which == 1)
            in_catch();
        else
            table.find(key);
    }
}

} // namespace store

int main(int argc, char **argv)
{
    std::printf("ready %d\n", getpid());
    std::fflush(stdout);
    (void)!std::getchar();
    std::vector<std::thread> threads;
    threads.emplace_back(store::keep_gate);
    for (int i = 0; i < 3; i++)
        threads.emplace_back(store::work, i);
    std::this_thread::sleep_for(std::chrono::duration<double>(argc > 1 ? std::atof(argv[1]) : 2));
    store::stopping = true;
    for (auto &thread : threads)
        thread.join();
    std::printf("{\"pid\": %d, \"sites\": []}\n", getpid());
    std::fflush(stdout);
    while (std::getchar() != EOF)
        ;
}
