/* `vsock_client CID PORT`: a virtual machine of that number with nothing in it but a virtual socket. It gives the kernel's
   vhost-vsock its memory and its two queues, as a hypervisor does for a guest, connects to the port of its host, sends what it
   reads, and prints what comes back. Source: virtio 1.2, sections 2.7 and 5.10; linux/vhost.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { RX, TX, QUEUES, SIZE = 64, PIECE = 8192, SPACE = 256 * 1024, PATIENCE_SECONDS = 30, HOST = 2, OWN_PORT = 1024 };

struct queue {
    struct vring ring;
    char *pieces;
    uint16_t seen;
    int kick;
};

static struct queue queues[QUEUES];
static int device;
static uint64_t cid;
static uint32_t port, received;

static void need(int is_done, const char *what) {
    if (!is_done) {
        fprintf(stderr, "vsock_client: %s: %s\n", what, strerror(errno));
        exit(2);
    }
}

/* Descriptors name addresses of this process: its memory is the guest's, at the same addresses. */
static void offer(struct queue *queue, int at, uint32_t length, uint16_t flags) {
    uint16_t next = queue->ring.avail->idx;
    queue->ring.desc[at] = (struct vring_desc){(uintptr_t)(queue->pieces + at * PIECE), length, flags, 0};
    queue->ring.avail->ring[next % SIZE] = at;
    __sync_synchronize();
    queue->ring.avail->idx = next + 1;
    __sync_synchronize();
    need(write(queue->kick, &(uint64_t){1}, 8) == 8, "kick");
}

static int used(struct queue *queue) {
    for (time_t limit = time(NULL) + PATIENCE_SECONDS; time(NULL) < limit; usleep(1000)) {
        __sync_synchronize();
        if (queue->ring.used->idx != queue->seen) return queue->ring.used->ring[queue->seen++ % SIZE].id;
    }
    errno = ETIMEDOUT;
    need(0, "no answer");
    return 0;
}

static void say(uint16_t op, const char *data, uint32_t length) {
    struct virtio_vsock_hdr *head = (void *)queues[TX].pieces;
    *head = (struct virtio_vsock_hdr){.src_cid = cid, .dst_cid = HOST, .src_port = OWN_PORT, .dst_port = port, .len = length,
        .type = VIRTIO_VSOCK_TYPE_STREAM, .op = op, .buf_alloc = SPACE, .fwd_cnt = received};
    memcpy(head + 1, data, length);
    offer(&queues[TX], 0, sizeof *head + length, 0);
    used(&queues[TX]);
}

static void make(int index, char *memory) {
    struct queue *queue = &queues[index];
    vring_init(&queue->ring, SIZE, memory, 4096);
    queue->pieces = memory + vring_size(SIZE, 4096) + 4096;
    queue->kick = eventfd(0, 0);
    struct vhost_vring_addr where = {.index = index, .desc_user_addr = (uintptr_t)queue->ring.desc,
        .used_user_addr = (uintptr_t)queue->ring.used, .avail_user_addr = (uintptr_t)queue->ring.avail};
    need(ioctl(device, VHOST_SET_VRING_NUM, &(struct vhost_vring_state){index, SIZE}) == 0, "size of a queue");
    need(ioctl(device, VHOST_SET_VRING_BASE, &(struct vhost_vring_state){index, 0}) == 0, "beginning of a queue");
    need(ioctl(device, VHOST_SET_VRING_ADDR, &where) == 0, "place of a queue");
    need(ioctl(device, VHOST_SET_VRING_KICK, &(struct vhost_vring_file){index, queue->kick}) == 0, "kicks of a queue");
    need(ioctl(device, VHOST_SET_VRING_CALL, &(struct vhost_vring_file){index, eventfd(0, 0)}) == 0, "calls of a queue");
}

int main(int count, char **arguments) {
    static char request[PIECE / 2];
    const size_t share = 1 << 20, all = share * QUEUES;
    need(count == 3, "two numbers are needed");
    cid = strtoull(arguments[1], NULL, 10), port = strtoul(arguments[2], NULL, 10);
    size_t length = fread(request, 1, sizeof request, stdin);
    char *memory = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(memory != MAP_FAILED, "memory");
    device = open("/dev/vhost-vsock", O_RDWR);
    need(device >= 0, "/dev/vhost-vsock");
    struct { struct vhost_memory head; struct vhost_memory_region region; } table = {{1, 0}, {(uintptr_t)memory, all, (uintptr_t)memory, 0}};
    need(ioctl(device, VHOST_SET_OWNER) == 0, "owner");
    need(ioctl(device, VHOST_SET_FEATURES, &(uint64_t){1ULL << VIRTIO_F_VERSION_1}) == 0, "features");
    need(ioctl(device, VHOST_SET_MEM_TABLE, &table) == 0, "table of memory");
    for (int index = 0; index < QUEUES; index++) make(index, memory + index * share);
    need(ioctl(device, VHOST_VSOCK_SET_GUEST_CID, &cid) == 0, "number");
    need(ioctl(device, VHOST_VSOCK_SET_RUNNING, &(int){1}) == 0, "running");
    for (int at = 0; at < SIZE; at++) offer(&queues[RX], at, PIECE, VRING_DESC_F_WRITE);
    say(VIRTIO_VSOCK_OP_REQUEST, NULL, 0);
    for (;;) {
        int at = used(&queues[RX]);
        struct virtio_vsock_hdr *head = (void *)(queues[RX].pieces + at * PIECE);
        uint16_t op = head->op;
        if (op == VIRTIO_VSOCK_OP_RESPONSE) say(VIRTIO_VSOCK_OP_RW, request, length);
        if (op == VIRTIO_VSOCK_OP_RW) fwrite(head + 1, 1, head->len, stdout), received += head->len;
        offer(&queues[RX], at, PIECE, VRING_DESC_F_WRITE);
        if (op == VIRTIO_VSOCK_OP_RW || op == VIRTIO_VSOCK_OP_CREDIT_REQUEST) say(VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL, 0);
        if (op == VIRTIO_VSOCK_OP_SHUTDOWN) say(VIRTIO_VSOCK_OP_RST, NULL, 0);
        if (op == VIRTIO_VSOCK_OP_SHUTDOWN || op == VIRTIO_VSOCK_OP_RST) return fflush(stdout) != 0;
    }
}
