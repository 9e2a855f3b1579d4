/* A lock on a folder: one process works in it.
 *
 * The system takes the lock away when its process ends, whatever ends it, also from one that nobody
 * has waited for yet. A process id in a name or a database says less: ids are given again. */
#ifndef TFX_CHECKPOINT_DIR_LOCK_H
#define TFX_CHECKPOINT_DIR_LOCK_H

/* Returns a descriptor that holds the lock until it is closed. -1, with errno: EWOULDBLOCK while somebody
 * else holds it, unless `wait` says to wait for them. */
int tfx_dir_lock(const char *path, int wait);

#endif
