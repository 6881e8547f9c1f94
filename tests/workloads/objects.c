/* Locks inside GObject instances: of a class, of a class derived from it, and a lock that is in no object.
 *
 * Objects are made and freed all the time at the place where another thread's plain lock will be next.
 * With an argument, a thread waits for an object's lock before and after all.
 */
#include "truth.h"
#include <glib-object.h>

#define ROUNDS 40

typedef struct {
    GObject parent;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_rwlock_t table_lock;
} WorkStore;
typedef struct {
    GObjectClass parent;
} WorkStoreClass;
G_DEFINE_TYPE(WorkStore, work_store, G_TYPE_OBJECT)

static void work_store_init(WorkStore *store)
{
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->changed, NULL);
    pthread_rwlock_init(&store->table_lock, NULL);
}

static void work_store_class_init(WorkStoreClass *class)
{
    (void)class;
}

typedef struct {
    WorkStore parent;
    long items[8];
    pthread_mutex_t queue_lock;
} WorkQueue;
typedef struct {
    WorkStoreClass parent;
} WorkQueueClass;
G_DEFINE_TYPE(WorkQueue, work_queue, work_store_get_type())

static void work_queue_init(WorkQueue *queue)
{
    pthread_mutex_init(&queue->queue_lock, NULL);
}

static void work_queue_class_init(WorkQueueClass *class)
{
    (void)class;
}

static WorkStore *store;
static WorkQueue *queue;
static pthread_mutex_t *plain;
static pthread_barrier_t round_begins;

NOINLINE static void hold(pthread_mutex_t *mutex)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(mutex);
        sleep_us(2000);
        pthread_mutex_unlock(mutex);
        sleep_us(500);
    }
}

NOINLINE static void hold_table(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_rwlock_wrlock(&store->table_lock);
        sleep_us(2000);
        pthread_rwlock_unlock(&store->table_lock);
        sleep_us(500);
    }
}

NOINLINE static void wait_for_change(int waits)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&round_begins);
        if (!waits)
            sleep_us(2000);
        pthread_mutex_lock(&store->lock);
        if (waits)
            pthread_cond_wait(&store->changed, &store->lock);
        else
            pthread_cond_signal(&store->changed);
        pthread_mutex_unlock(&store->lock);
    }
}

/* A lock in memory that was an object a moment ago: which the frontend may be told of much later. */
NOINLINE static void hold_reused(int first)
{
    static pthread_mutex_t *reused;
    for (int i = 0; i < ROUNDS; i++) {
        if (first) {
            WorkStore *dead = g_object_new(work_store_get_type(), NULL);
            pthread_mutex_lock(&dead->lock);
            pthread_mutex_unlock(&dead->lock);
            reused = &dead->lock;
            g_object_unref(dead);
            pthread_mutex_init(reused, NULL);
        }
        pthread_barrier_wait(&round_begins);
        pthread_mutex_lock(reused);
        sleep_us(1000);
        pthread_mutex_unlock(reused);
        pthread_barrier_wait(&round_begins);
    }
}

static void *work(void *number)
{
    name_thread("worker");
    hold(&store->lock);
    hold(&queue->parent.lock);
    hold(&queue->queue_lock);
    hold(plain);
    hold_table();
    wait_for_change(number != NULL);
    hold_reused(number != NULL);
    return NULL;
}

/* A thread that waits for a lock before any tracer is there, and for ever. */
static void *stuck(void *unused)
{
    pthread_mutex_lock(&queue->queue_lock);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[2], waiting;
    (void)argv;
    store = g_object_new(work_store_get_type(), NULL);
    queue = g_object_new(work_queue_get_type(), NULL);
    plain = g_malloc0(sizeof(*plain));
    pthread_mutex_init(plain, NULL);
    pthread_barrier_init(&round_begins, NULL, 2);
    if (argc > 1) {
        pthread_mutex_lock(&queue->queue_lock);
        pthread_create(&waiting, NULL, stuck, NULL);
        sleep_us(100000);
    }
    get_ready();
    sleep_us(400000); /* the tracer looks for classes once it is attached */
    for (uintptr_t i = 0; i < 2 && argc < 2; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < 2 && argc < 2; i++)
        pthread_join(threads[i], NULL);
    printf("{\"pid\": %d, \"lock\": %lu, \"parent_lock\": %lu, \"queue_lock\": %lu, \"plain\": %lu, \"table_lock\": %lu,"
           " \"changed\": %lu}\n",
           getpid(), (gulong)&store->lock, (gulong)&queue->parent.lock, (gulong)&queue->queue_lock, (gulong)plain,
           (gulong)&store->table_lock, (gulong)&store->changed);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
