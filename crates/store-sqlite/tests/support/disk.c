/* Preloaded into a child: counts how the store's files are written and synced, and plays a full or
 * failing disk. The child and this code share `struct control` through a file. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct control {
    volatile uint64_t syncs;          /* of the log, after something was written to it */
    volatile uint64_t unsynced;       /* writes to the log since its last sync */
    volatile uint64_t full;           /* not 0: every write fails with ENOSPC */
    volatile uint64_t sync_to_fail;   /* not 0: the sync that fails with EIO, counted from 1 */
    volatile uint64_t writes;         /* of the database and the log */
    volatile uint64_t failed;         /* syncs that have failed */
    volatile uint64_t failing_writes; /* so many writes fail with EIO */
    volatile uint64_t unsynced_from;  /* the part of the log that was written since its last sync */
    volatile uint64_t unsynced_to;
    volatile uint64_t lost_from;      /* the part whose sync failed: on a real disk it may never be written, whatever syncs */
    volatile uint64_t lost_to;        /* succeed later, until the log is cut */
};

static struct control *control(void) {
    static struct control *shared;
    if (shared == NULL) {
        const char *path = getenv("BONAFIDE_TEST_DISK_CONTROL");
        int fd = path == NULL ? -1 : open(path, O_RDWR);
        if (fd < 0) abort();
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared == MAP_FAILED) abort();
        close(fd);
    }
    return shared;
}

/* 0: none of the store's files; 1: its database; 2: its log. */
static int kind(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(link, path, sizeof path - 1);
    if (bytes < 0) return 0;
    path[bytes] = 0;
    const char *name = strstr(path, "/store.db");
    if (name == NULL) return 0;
    if (strcmp(name, "/store.db") == 0) return 1;
    return strcmp(name, "/store.db-wal") == 0 ? 2 : 0;
}

/* A writer of the log that is the only one, as the store's is. */
static void widen(volatile uint64_t *from, volatile uint64_t *to, uint64_t other_from, uint64_t other_to) {
    if (other_from == other_to) return;
    int empty = *from == *to;
    if (empty || other_from < *from) *from = other_from;
    if (empty || other_to > *to) *to = other_to;
}

static int may_write(int fd, size_t count, off64_t at) {
    int file = kind(fd);
    if (file == 0) return 1;
    if (control()->full) {
        errno = ENOSPC;
        return 0;
    }
    if (control()->failing_writes > 0) {
        __sync_fetch_and_sub(&control()->failing_writes, 1);
        errno = EIO;
        return 0;
    }
    __sync_fetch_and_add(&control()->writes, 1);
    if (file == 2) {
        __sync_fetch_and_add(&control()->unsynced, 1);
        if (at >= 0) widen(&control()->unsynced_from, &control()->unsynced_to, at, at + count);
    }
    return 1;
}

static int may_sync(int fd) {
    int file = kind(fd);
    if (file == 0) return 1;
    if (control()->sync_to_fail > 0 && __sync_sub_and_fetch(&control()->sync_to_fail, 1) == 0) {
        __sync_fetch_and_add(&control()->failed, 1);
        if (file == 2) {
            struct control *all = control();
            widen(&all->lost_from, &all->lost_to, all->unsynced_from, all->unsynced_to);
        }
        errno = EIO;
        return 0;
    }
    if (file == 2) control()->unsynced_from = control()->unsynced_to = 0;
    if (file == 2 && __sync_lock_test_and_set(&control()->unsynced, 0) > 0) __sync_fetch_and_add(&control()->syncs, 1);
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A part of the log that is cut off is free again, lost or not. */
static void cut(int fd, off64_t length) {
    if (kind(fd) == 2 && (uint64_t)length <= control()->lost_from) control()->lost_from = control()->lost_to = 0;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    return may_write(fd, count, -1) ? NEXT(write)(fd, bytes, count) : -1;
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return may_write(fd, count, at) ? NEXT(pwrite)(fd, bytes, count, at) : -1;
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    return may_write(fd, count, at) ? NEXT(pwrite64)(fd, bytes, count, at) : -1;
}
int fsync(int fd) { return may_sync(fd) ? NEXT(fsync)(fd) : -1; }
int fdatasync(int fd) { return may_sync(fd) ? NEXT(fdatasync)(fd) : -1; }
int ftruncate(int fd, off_t length) {
    cut(fd, length);
    return NEXT(ftruncate)(fd, length);
}
int ftruncate64(int fd, off64_t length) {
    cut(fd, length);
    return NEXT(ftruncate64)(fd, length);
}
