// A FUSE file system that mirrors a directory and answers reads like a slow disk: each after a latency,
// at most so many per second, with hundreds in flight at once. Linux, libfuse 3.
//
//   slow_disk BACKING MOUNT [latency=US] [jitter=US] [iops=N]
//
// Reads do not occupy a thread while they wait: they lie in a queue ordered by due time, from which one
// thread answers. Writes and everything else go straight to the backing directory. The file `.slow-disk`
// in the root of the mount shows counters when read and takes `reset` or new `name=value` settings.
#define _GNU_SOURCE
#define FUSE_USE_VERSION 312

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CONTROL_INO = 2, MAX_IN_FLIGHT = 4096, MAX_READ = 1 << 20 };
static const char *const control_name = ".slow-disk";

// --- settings and counters -------------------------------------------------------------------------

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static struct {
  uint64_t latency_us, jitter_us, iops;
} settings;
static struct {
  uint64_t reads, read_bytes, in_flight, max_in_flight;
} counters;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Applies "name=value" or "reset"; false for anything else. */
static bool apply(const char *word) {
  uint64_t value;
  if (strcmp(word, "reset") == 0) {
    const uint64_t in_flight = counters.in_flight;
    memset(&counters, 0, sizeof counters);
    counters.in_flight = counters.max_in_flight = in_flight;
  } else if (sscanf(word, "latency=%" SCNu64, &value) == 1) {
    settings.latency_us = value;
  } else if (sscanf(word, "jitter=%" SCNu64, &value) == 1) {
    settings.jitter_us = value;
  } else if (sscanf(word, "iops=%" SCNu64, &value) == 1) {
    settings.iops = value;
  } else {
    return false;
  }
  return true;
}

// --- the queue of waiting reads --------------------------------------------------------------------

struct waiting {
  uint64_t due_ns;
  fuse_req_t request;
  int fd;
  size_t size;
  off_t offset;
};
static struct waiting heap[MAX_IN_FLIGHT];  // binary heap, earliest due first
static size_t heap_count;
static uint64_t next_start_ns;

static void heap_push(struct waiting item) {
  size_t at = heap_count++;
  for (; at > 0 && heap[(at - 1) / 2].due_ns > item.due_ns; at = (at - 1) / 2) {
    heap[at] = heap[(at - 1) / 2];
  }
  heap[at] = item;
}

static struct waiting heap_pop(void) {
  const struct waiting first = heap[0], last = heap[--heap_count];
  size_t at = 0;
  for (size_t child; (child = 2 * at + 1) < heap_count; at = child) {
    if (child + 1 < heap_count && heap[child + 1].due_ns < heap[child].due_ns) ++child;
    if (heap[child].due_ns >= last.due_ns) break;
    heap[at] = heap[child];
  }
  heap[at] = last;
  return first;
}

/* When a read that arrives now is answered: the cap spaces the starts, the latency follows each. */
static uint64_t due_time(void) {
  const uint64_t now = now_ns();
  uint64_t start = now;
  if (settings.iops > 0) {
    start = next_start_ns > now ? next_start_ns : now;
    next_start_ns = start + 1000000000u / settings.iops;
  }
  int64_t latency = (int64_t)settings.latency_us * 1000;
  if (settings.jitter_us > 0) {
    const int64_t width = (int64_t)settings.jitter_us * 1000;
    latency += (int64_t)(drand48() * (double)(2 * width)) - width;
  }
  return start + (uint64_t)(latency > 0 ? latency : 0);
}

static void *answer_reads(void *unused) {
  (void)unused;
  prctl(PR_SET_TIMERSLACK, 1);
  char *buffer = malloc(MAX_READ);
  pthread_mutex_lock(&lock);
  for (;;) {
    if (heap_count == 0) {
      pthread_cond_wait(&changed, &lock);
      continue;
    }
    const uint64_t due = heap[0].due_ns;
    if (due > now_ns()) {
      const struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
      pthread_cond_timedwait(&changed, &lock, &until);
      continue;
    }
    const struct waiting read = heap_pop();
    pthread_mutex_unlock(&lock);
    const ssize_t got = pread(read.fd, buffer, read.size, read.offset);
    pthread_mutex_lock(&lock);
    --counters.in_flight;
    pthread_mutex_unlock(&lock);
    if (got < 0) {
      fuse_reply_err(read.request, errno);
    } else {
      fuse_reply_buf(read.request, buffer, (size_t)got);
    }
    pthread_mutex_lock(&lock);
  }
  return NULL;
}

// --- inodes: one O_PATH descriptor for each that the kernel knows ----------------------------------

struct inode {
  struct inode *next;
  int fd;
  ino_t ino;
  dev_t dev;
  uint64_t lookups;
};
static struct inode root;

static struct inode *inode_of(fuse_ino_t ino) {
  return ino == FUSE_ROOT_ID ? &root : (struct inode *)(uintptr_t)ino;
}

static int find(fuse_ino_t parent, const char *name, struct fuse_entry_param *entry) {
  const int fd = openat(inode_of(parent)->fd, name, O_PATH | O_NOFOLLOW);
  if (fd < 0) return errno;
  memset(entry, 0, sizeof *entry);
  if (fstatat(fd, "", &entry->attr, AT_EMPTY_PATH) != 0) {
    const int error = errno;
    close(fd);
    return error;
  }
  pthread_mutex_lock(&lock);
  struct inode *known = root.next;
  while (known != NULL && (known->ino != entry->attr.st_ino || known->dev != entry->attr.st_dev)) {
    known = known->next;
  }
  if (known != NULL) {
    close(fd);
  } else {
    known = calloc(1, sizeof *known);
    *known = (struct inode){root.next, fd, entry->attr.st_ino, entry->attr.st_dev, 0};
    root.next = known;
  }
  ++known->lookups;
  pthread_mutex_unlock(&lock);
  entry->ino = (fuse_ino_t)(uintptr_t)known;
  entry->attr_timeout = entry->entry_timeout = 1;
  return 0;
}

static void reply_entry(fuse_req_t request, fuse_ino_t parent, const char *name) {
  struct fuse_entry_param entry;
  const int error = find(parent, name, &entry);
  if (error != 0) {
    fuse_reply_err(request, error);
  } else {
    fuse_reply_entry(request, &entry);
  }
}

static void reply_result(fuse_req_t request, int result) {
  fuse_reply_err(request, result == 0 ? 0 : errno);
}

static struct stat control_attributes(void) {
  struct stat attributes = {.st_ino = CONTROL_INO, .st_mode = S_IFREG | 0600, .st_nlink = 1};
  return attributes;
}

static void sd_lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
  if (parent == FUSE_ROOT_ID && strcmp(name, control_name) == 0) {
    struct fuse_entry_param entry = {.ino = CONTROL_INO, .attr = control_attributes()};
    fuse_reply_entry(request, &entry);
    return;
  }
  reply_entry(request, parent, name);
}

static void sd_forget(fuse_req_t request, fuse_ino_t ino, uint64_t count) {
  if (ino != FUSE_ROOT_ID && ino != CONTROL_INO) {
    struct inode *gone = inode_of(ino);
    pthread_mutex_lock(&lock);
    gone->lookups -= count;
    if (gone->lookups == 0) {
      struct inode *before = &root;
      while (before->next != gone) before = before->next;
      before->next = gone->next;
      close(gone->fd);
      free(gone);
    }
    pthread_mutex_unlock(&lock);
  }
  fuse_reply_none(request);
}

// --- attributes and names --------------------------------------------------------------------------

static void sd_getattr(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
  (void)file;
  struct stat attributes = control_attributes();
  if (ino != CONTROL_INO && fstatat(inode_of(ino)->fd, "", &attributes, AT_EMPTY_PATH) != 0) {
    fuse_reply_err(request, errno);
    return;
  }
  fuse_reply_attr(request, &attributes, 1);
}

static void sd_setattr(fuse_req_t request, fuse_ino_t ino, struct stat *wanted, int mask,
                       struct fuse_file_info *file) {
  int result = 0;
  char path[64];
  if (ino != CONTROL_INO) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", inode_of(ino)->fd);
    if (mask & FUSE_SET_ATTR_SIZE) result = truncate(path, wanted->st_size);
    if (result == 0 && (mask & FUSE_SET_ATTR_MODE)) result = chmod(path, wanted->st_mode);
    if (result != 0) {
      fuse_reply_err(request, errno);
      return;
    }
  }
  sd_getattr(request, ino, file);
}

static void sd_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode) {
  if (mkdirat(inode_of(parent)->fd, name, mode) != 0) {
    fuse_reply_err(request, errno);
    return;
  }
  reply_entry(request, parent, name);
}

static void sd_unlink(fuse_req_t request, fuse_ino_t parent, const char *name) {
  reply_result(request, unlinkat(inode_of(parent)->fd, name, 0));
}

static void sd_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name) {
  reply_result(request, unlinkat(inode_of(parent)->fd, name, AT_REMOVEDIR));
}

static void sd_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t to,
                      const char *new_name, unsigned flags) {
  reply_result(request, renameat2(inode_of(parent)->fd, name, inode_of(to)->fd, new_name, flags));
}

static void sd_statfs(fuse_req_t request, fuse_ino_t ino) {
  (void)ino;
  struct statvfs values;
  if (fstatvfs(root.fd, &values) != 0) {
    fuse_reply_err(request, errno);
  } else {
    fuse_reply_statfs(request, &values);
  }
}

static void sd_readdir(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset,
                       struct fuse_file_info *file) {
  (void)file;
  const int fd = openat(inode_of(ino)->fd, ".", O_RDONLY | O_DIRECTORY);
  DIR *stream = fd < 0 ? NULL : fdopendir(fd);
  char *buffer = malloc(size);
  size_t used = 0;
  if (stream != NULL) {
    if (offset != 0) seekdir(stream, offset);
    for (struct dirent *item; (item = readdir(stream)) != NULL;) {
      const struct stat kind = {.st_ino = item->d_ino, .st_mode = (mode_t)(item->d_type << 12)};
      const size_t more = fuse_add_direntry(request, buffer + used, size - used, item->d_name, &kind,
                                            telldir(stream));
      if (more > size - used) break;
      used += more;
    }
    closedir(stream);
  }
  fuse_reply_buf(request, buffer, used);
  free(buffer);
}

// --- files -----------------------------------------------------------------------------------------

static int open_backing(fuse_ino_t ino, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", inode_of(ino)->fd);
  return open(path, flags & ~(O_NOFOLLOW | O_DIRECT | O_CREAT | O_EXCL));
}

static void sd_open(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
  if (ino == CONTROL_INO) {
    file->direct_io = 1;
    file->fh = 0;
  } else {
    const int fd = open_backing(ino, file->flags);
    if (fd < 0) {
      fuse_reply_err(request, errno);
      return;
    }
    file->fh = (uint64_t)fd;
    // O_DIRECT must reach us; the rest may stay in the page cache, as on a real disk.
    file->direct_io = (file->flags & O_DIRECT) != 0;
    file->keep_cache = !file->direct_io;
  }
  fuse_reply_open(request, file);
}

static void sd_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *file) {
  const int fd = openat(inode_of(parent)->fd, name, (file->flags | O_CREAT) & ~O_DIRECT, mode);
  struct fuse_entry_param entry;
  const int error = fd < 0 ? errno : find(parent, name, &entry);
  if (error != 0) {
    if (fd >= 0) close(fd);
    fuse_reply_err(request, error);
    return;
  }
  file->fh = (uint64_t)fd;
  file->direct_io = (file->flags & O_DIRECT) != 0;
  file->keep_cache = !file->direct_io;
  fuse_reply_create(request, &entry, file);
}

static void sd_release(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
  if (ino != CONTROL_INO) close((int)file->fh);
  fuse_reply_err(request, 0);
}

static void reply_counters(fuse_req_t request, size_t size, off_t offset) {
  char text[256];
  pthread_mutex_lock(&lock);
  const int length = snprintf(text, sizeof text,
                              "reads=%" PRIu64 " read_bytes=%" PRIu64 " in_flight=%" PRIu64
                              " max_in_flight=%" PRIu64 " latency=%" PRIu64 " jitter=%" PRIu64
                              " iops=%" PRIu64 "\n",
                              counters.reads, counters.read_bytes, counters.in_flight,
                              counters.max_in_flight, settings.latency_us, settings.jitter_us,
                              settings.iops);
  pthread_mutex_unlock(&lock);
  if (offset >= length) {
    fuse_reply_buf(request, NULL, 0);
  } else {
    const size_t left = (size_t)(length - offset);
    fuse_reply_buf(request, text + offset, left < size ? left : size);
  }
}

static void sd_read(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset,
                    struct fuse_file_info *file) {
  if (ino == CONTROL_INO) {
    reply_counters(request, size, offset);
    return;
  }
  pthread_mutex_lock(&lock);
  if (heap_count == MAX_IN_FLIGHT || size > MAX_READ) {
    pthread_mutex_unlock(&lock);
    fuse_reply_err(request, EAGAIN);
    return;
  }
  ++counters.reads;
  counters.read_bytes += size;
  if (++counters.in_flight > counters.max_in_flight) counters.max_in_flight = counters.in_flight;
  const struct waiting item = {due_time(), request, (int)file->fh, size, offset};
  const bool earliest = heap_count == 0 || item.due_ns < heap[0].due_ns;
  heap_push(item);
  if (earliest) pthread_cond_signal(&changed);
  pthread_mutex_unlock(&lock);
}

static void sd_write(fuse_req_t request, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                     struct fuse_file_info *file) {
  if (ino == CONTROL_INO) {
    char text[256] = {0};
    memcpy(text, data, size < sizeof text - 1 ? size : sizeof text - 1);
    bool known = true;
    pthread_mutex_lock(&lock);
    char *rest = NULL;
    for (char *word = strtok_r(text, " \n", &rest); word != NULL; word = strtok_r(NULL, " \n", &rest)) {
      known = apply(word) && known;
    }
    pthread_mutex_unlock(&lock);
    if (known) {
      fuse_reply_write(request, size);
    } else {
      fuse_reply_err(request, EINVAL);
    }
    return;
  }
  const ssize_t written = pwrite((int)file->fh, data, size, offset);
  if (written < 0) {
    fuse_reply_err(request, errno);
  } else {
    fuse_reply_write(request, (size_t)written);
  }
}

static void sd_fsync(fuse_req_t request, fuse_ino_t ino, int data_only, struct fuse_file_info *file) {
  if (ino == CONTROL_INO) {
    fuse_reply_err(request, 0);
    return;
  }
  const int fd = (int)file->fh;
  reply_result(request, data_only ? fdatasync(fd) : fsync(fd));
}

static void sd_fsyncdir(fuse_req_t request, fuse_ino_t ino, int data_only, struct fuse_file_info *file) {
  (void)data_only;
  (void)file;
  const int fd = openat(inode_of(ino)->fd, ".", O_RDONLY | O_DIRECTORY);
  reply_result(request, fd < 0 ? -1 : fsync(fd));
  if (fd >= 0) close(fd);
}

static void sd_fallocate(fuse_req_t request, fuse_ino_t ino, int mode, off_t offset, off_t length,
                         struct fuse_file_info *file) {
  (void)ino;
  reply_result(request, fallocate((int)file->fh, mode, offset, length));
}

static void sd_init(void *unused, struct fuse_conn_info *connection) {
  (void)unused;
  connection->max_background = 1024;
  connection->congestion_threshold = 1024;
  connection->max_readahead = 128 << 10;
}

static const struct fuse_lowlevel_ops operations = {
    .init = sd_init,       .lookup = sd_lookup,   .forget = sd_forget,     .getattr = sd_getattr,
    .setattr = sd_setattr, .mkdir = sd_mkdir,     .unlink = sd_unlink,     .rmdir = sd_rmdir,
    .rename = sd_rename,   .statfs = sd_statfs,   .readdir = sd_readdir,   .open = sd_open,
    .create = sd_create,   .release = sd_release, .read = sd_read,         .write = sd_write,
    .fsync = sd_fsync,     .fsyncdir = sd_fsyncdir, .fallocate = sd_fallocate,
};

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: slow_disk BACKING MOUNT [latency=US] [jitter=US] [iops=N]\n");
    return 2;
  }
  for (int i = 3; i < argc; ++i) {
    if (!apply(argv[i])) {
      fprintf(stderr, "slow_disk: unknown setting %s\n", argv[i]);
      return 2;
    }
  }
  root.fd = open(argv[1], O_PATH | O_DIRECTORY);
  if (root.fd < 0) {
    perror(argv[1]);
    return 1;
  }
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&changed, &attributes);

  char *options[] = {argv[0], "-o", "default_permissions,fsname=slow_disk"};
  struct fuse_args arguments = FUSE_ARGS_INIT(3, options);
  struct fuse_session *session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
  if (session == NULL || fuse_set_signal_handlers(session) != 0) return 1;
  if (fuse_session_mount(session, argv[2]) != 0) return 1;
  if (fuse_daemonize(0) != 0) return 1;
  pthread_t answerer;
  pthread_create(&answerer, NULL, answer_reads, NULL);
  struct fuse_loop_config *loop = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(loop, 4);
  const int result = fuse_session_loop_mt(session, loop);
  fuse_loop_cfg_destroy(loop);
  fuse_session_unmount(session);
  fuse_remove_signal_handlers(session);
  fuse_session_destroy(session);
  return result == 0 ? 0 : 1;
}
