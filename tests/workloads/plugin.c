/* A library that a test program loads while it is traced. */
__attribute__((noinline)) static void plugin_inner(void (*callback)(void))
{
    callback();
    __asm__ volatile("" ::: "memory");
}

void plugin_entry(void (*callback)(void))
{
    plugin_inner(callback);
    __asm__ volatile("" ::: "memory");
}
