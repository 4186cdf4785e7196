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

static int may_write(int fd) {
    int file = kind(fd);
    if (file == 0) return 1;
    if (control()->full) {
        errno = ENOSPC;
        return 0;
    }
    __sync_fetch_and_add(&control()->writes, 1);
    if (file == 2) __sync_fetch_and_add(&control()->unsynced, 1);
    return 1;
}

static int may_sync(int fd) {
    int file = kind(fd);
    if (file == 0) return 1;
    if (control()->sync_to_fail > 0 && __sync_sub_and_fetch(&control()->sync_to_fail, 1) == 0) {
        __sync_fetch_and_add(&control()->failed, 1);
        errno = EIO;
        return 0;
    }
    if (file == 2 && __sync_lock_test_and_set(&control()->unsynced, 0) > 0) __sync_fetch_and_add(&control()->syncs, 1);
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) { return may_write(fd) ? NEXT(write)(fd, bytes, count) : -1; }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return may_write(fd) ? NEXT(pwrite)(fd, bytes, count, at) : -1;
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    return may_write(fd) ? NEXT(pwrite64)(fd, bytes, count, at) : -1;
}
int fsync(int fd) { return may_sync(fd) ? NEXT(fsync)(fd) : -1; }
int fdatasync(int fd) { return may_sync(fd) ? NEXT(fdatasync)(fd) : -1; }
