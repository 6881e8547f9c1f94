/* Locks inside GObject instances: a class, a class derived from it, and locks that are in no object.
 *
 * Prints where each lock lies, then lets two threads contend for each in turn until stdin closes.
 */
#include <glib-object.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

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

static void work_store_init(WorkStore *store) {
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->changed, NULL);
    pthread_rwlock_init(&store->table_lock, NULL);
}
static void work_store_class_init(WorkStoreClass *class) {
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

static void work_queue_init(WorkQueue *queue) {
    pthread_mutex_init(&queue->queue_lock, NULL);
}
static void work_queue_class_init(WorkQueueClass *class) {
    (void)class;
}

static WorkStore *store;
static WorkQueue *queue;
static pthread_mutex_t *plain;
static volatile int done;

static void hold(pthread_mutex_t *mutex) {
    pthread_mutex_lock(mutex);
    usleep(3000);
    pthread_mutex_unlock(mutex);
}

static void hold_table(void) {
    pthread_rwlock_wrlock(&store->table_lock);
    usleep(3000);
    pthread_rwlock_unlock(&store->table_lock);
}

static void *work(void *unused) {
    while (!done) {
        hold(&store->lock);
        hold(&queue->parent.lock);
        hold(&queue->queue_lock);
        hold(plain);
        hold_table();
    }
    return unused;
}

int main(void) {
    pthread_t threads[2];
    char byte;
    store = g_object_new(work_store_get_type(), NULL);
    queue = g_object_new(work_queue_get_type(), NULL);
    plain = g_malloc0(sizeof(*plain));
    pthread_mutex_init(plain, NULL);
    printf("{\"store\": %lu, \"queue\": %lu, \"lock\": %lu, \"parent_lock\": %lu, \"queue_lock\": %lu, \"plain\": %lu,"
           " \"table_lock\": %lu, \"changed\": %lu}\n",
           (gulong)store, (gulong)queue, (gulong)&store->lock, (gulong)&queue->parent.lock,
           (gulong)&queue->queue_lock, (gulong)plain, (gulong)&store->table_lock, (gulong)&store->changed);
    fflush(stdout);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    while (read(0, &byte, 1) > 0)
        continue;
    done = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    g_object_unref(store);
    g_object_unref(queue);
    return 0;
}
