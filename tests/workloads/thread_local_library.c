/* A library with a thread-local lock, called VARIABLE. */
#include <pthread.h>

#define JOIN(first, second) first##second
#define ADDRESS_OF(variable) JOIN(address_of_, variable)

static __thread long before = 3;
__thread pthread_mutex_t VARIABLE;

pthread_mutex_t *ADDRESS_OF(VARIABLE)(void)
{
    before++;
    return &VARIABLE;
}
