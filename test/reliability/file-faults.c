// Preloaded into a process: counts its calls that change files below a folder, logs them, and at a chosen one ends the process
// or lets the call fail. strace can inject faults too, but counts by thread and by call, and cannot leave out the writes to
// event descriptors between threads, whose number changes from run to run; here one number names one call.
//
//   FILE_FAULTS_ROOT    the folder, absolute and without links
//   FILE_FAULTS_LOG     a file to which each call is appended: number, call, path, and where a rename or link leads
//   FILE_FAULTS_AT      the call's number, from 1; 0 or unset to count alone
//   FILE_FAULTS_ACTION  kill: SIGKILL before the call; torn: after half of a write, else as kill; a number: that errno
//   FILE_FAULTS_LASTING 1: an errno is given to all later calls too that need room
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int log_file = -1;
static long fatal, count;
static const char *action = "";
static int is_lasting;

__attribute__((constructor)) static void start(void) {
  const char *folder = getenv("FILE_FAULTS_ROOT"), *path = getenv("FILE_FAULTS_LOG"), *at = getenv("FILE_FAULTS_AT");
  if (folder == NULL) return;
  root_length = (size_t)snprintf(root, sizeof root, "%s", folder);
  if (path != NULL) log_file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  fatal = at == NULL ? 0 : atol(at);
  if (getenv("FILE_FAULTS_ACTION") != NULL) action = getenv("FILE_FAULTS_ACTION");
  is_lasting = getenv("FILE_FAULTS_LASTING") != NULL;
}

static int is_inside(const char *path) {
  return root_length > 0 && strncmp(path, root, root_length) == 0 &&
         (path[root_length] == '/' || path[root_length] == 0);
}

static void path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = 0;
}

/** Absolute; names are not resolved further, as the program under test uses absolute paths below the folder. */
static void path_at(int folder, const char *name, char *path) {
  char base[PATH_MAX] = "";
  if (name[0] == '/') {
    snprintf(path, PATH_MAX, "%s", name);
    return;
  }
  if (folder != AT_FDCWD) path_of(folder, base);
  else if (getcwd(base, sizeof base) == NULL) base[0] = 0;
  snprintf(path, PATH_MAX, "%.*s/%.*s", PATH_MAX / 2 - 1, base, PATH_MAX / 2 - 2, name);
}

enum verdict { GO_ON, FAIL, TEAR };

/** Says what is to become of a call. `needs_room`: a full disk refuses it. */
static enum verdict judge(const char *call, const char *path, const char *to, int needs_room) {
  if (!is_inside(path) && (to == NULL || !is_inside(to))) return GO_ON;
  pthread_mutex_lock(&lock);
  long number = ++count;
  int is_fatal = fatal > 0 && (number == fatal || (is_lasting && number > fatal && needs_room));
  if (log_file >= 0) {
    char line[3 * PATH_MAX];
    int length = snprintf(line, sizeof line, "%ld\t%s\t%s\t%s\t%s\n", number, call, path, to == NULL ? "" : to,
                          is_fatal ? action : "");
    syscall(SYS_write, log_file, line, (size_t)length);
  }
  enum verdict verdict = GO_ON;
  if (is_fatal) {
    if (strcmp(action, "kill") == 0) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    if (strcmp(action, "torn") == 0) verdict = TEAR;
    else {
      errno = atoi(action);
      verdict = FAIL;
    }
  }
  pthread_mutex_unlock(&lock);
  // A torn call that is no write ends here; a write ends the process itself.
  if (verdict == TEAR && strstr(call, "write") == NULL) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  return verdict;
}

static void die(void) { syscall(SYS_kill, syscall(SYS_getpid), SIGKILL); }

#define REAL(name) ((__typeof__(&name))next(#name))
static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static int writes(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

static int open_at(int folder, const char *name, int flags, mode_t mode) {
  if (writes(flags)) {
    char path[PATH_MAX];
    path_at(folder, name, path);
    if (judge("open", path, NULL, 1) == FAIL) return -1;
  }
  return (int)syscall(SYS_openat, folder, name, flags, mode);
}

#define MODE(flags, last)              \
  mode_t mode = 0;                     \
  if (writes(flags)) {                 \
    va_list list;                      \
    va_start(list, last);              \
    mode = (mode_t)va_arg(list, int);  \
    va_end(list);                      \
  }
int open(const char *name, int flags, ...) { MODE(flags, flags) return open_at(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags, flags) return open_at(AT_FDCWD, name, flags, mode); }
int openat(int folder, const char *name, int flags, ...) { MODE(flags, flags) return open_at(folder, name, flags, mode); }
int openat64(int folder, const char *name, int flags, ...) { MODE(flags, flags) return open_at(folder, name, flags, mode); }
int creat(const char *name, mode_t mode) { return open_at(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }

#define BY_FD(call, room)                                     \
  char path[PATH_MAX];                                        \
  path_of(fd, path);                                          \
  enum verdict verdict = judge(call, path, NULL, room);       \
  if (verdict == FAIL) return -1;

ssize_t write(int fd, const void *bytes, size_t length) {
  BY_FD("write", 1)
  if (verdict == TEAR) {
    syscall(SYS_write, fd, bytes, length / 2);
    die();
  }
  return syscall(SYS_write, fd, bytes, length);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  BY_FD("pwrite", 1)
  if (verdict == TEAR) {
    syscall(SYS_pwrite64, fd, bytes, length / 2, offset);
    die();
  }
  return syscall(SYS_pwrite64, fd, bytes, length, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return pwrite(fd, bytes, length, offset); }
ssize_t writev(int fd, const struct iovec *parts, int number) {
  BY_FD("writev", 1)
  if (verdict == TEAR) {
    syscall(SYS_write, fd, parts[0].iov_base, parts[0].iov_len / 2);
    die();
  }
  return syscall(SYS_writev, fd, parts, number);
}
ssize_t pwritev(int fd, const struct iovec *parts, int number, off_t offset) {
  BY_FD("pwritev", 1)
  if (verdict == TEAR) {
    syscall(SYS_pwrite64, fd, parts[0].iov_base, parts[0].iov_len / 2, offset);
    die();
  }
  return REAL(pwritev)(fd, parts, number, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int number, off64_t offset) { return pwritev(fd, parts, number, offset); }
ssize_t copy_file_range(int from, off64_t *start, int fd, off64_t *end, size_t length, unsigned flags) {
  BY_FD("copy_file_range", 1)
  if (verdict == TEAR) die();
  return REAL(copy_file_range)(from, start, fd, end, length, flags);
}
ssize_t sendfile64(int fd, int from, off64_t *offset, size_t length) {
  BY_FD("sendfile", 1)
  if (verdict == TEAR) die();
  return syscall(SYS_sendfile, fd, from, offset, length);
}
ssize_t sendfile(int fd, int from, off_t *offset, size_t length) { return sendfile64(fd, from, offset, length); }
int fsync(int fd) {
  BY_FD("fsync", 1)
  return (int)syscall(SYS_fsync, fd);
}
int fdatasync(int fd) {
  BY_FD("fdatasync", 1)
  return (int)syscall(SYS_fdatasync, fd);
}
int ftruncate(int fd, off_t length) {
  BY_FD("ftruncate", 0)
  return (int)syscall(SYS_ftruncate, fd, length);
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }
int fchmod(int fd, mode_t mode) {
  BY_FD("fchmod", 0)
  return (int)syscall(SYS_fchmod, fd, mode);
}

#define BY_NAME(call, folder, name, room)                \
  char path[PATH_MAX];                                   \
  path_at(folder, name, path);                           \
  if (judge(call, path, NULL, room) == FAIL) return -1;

int mkdirat(int folder, const char *name, mode_t mode) {
  BY_NAME("mkdir", folder, name, 1)
  return (int)syscall(SYS_mkdirat, folder, name, mode);
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }
int unlinkat(int folder, const char *name, int flags) {
  BY_NAME((flags & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink", folder, name, 0)
  return (int)syscall(SYS_unlinkat, folder, name, flags);
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
char *mkdtemp(char *template) {
  char path[PATH_MAX];
  path_at(AT_FDCWD, template, path);
  if (judge("mkdir", path, NULL, 1) == FAIL) return NULL;
  // The real one calls mkdir inside the C library, which this file does not see.
  return REAL(mkdtemp)(template);
}
int truncate(const char *name, off_t length) {
  BY_NAME("truncate", AT_FDCWD, name, 0)
  return (int)syscall(SYS_truncate, name, length);
}
int fchmodat(int folder, const char *name, mode_t mode, int flags) {
  BY_NAME("chmod", folder, name, 0)
  return REAL(fchmodat)(folder, name, mode, flags);
}
int chmod(const char *name, mode_t mode) {
  BY_NAME("chmod", AT_FDCWD, name, 0)
  return (int)syscall(SYS_fchmodat, AT_FDCWD, name, mode);
}

#define FROM_TO(call, room)                                   \
  char path[PATH_MAX], target[PATH_MAX];                      \
  path_at(folder, name, path);                                \
  path_at(to_folder, to, target);                             \
  if (judge(call, path, target, room) == FAIL) return -1;

int renameat2(int folder, const char *name, int to_folder, const char *to, unsigned flags) {
  FROM_TO("rename", 0)
  return (int)syscall(SYS_renameat2, folder, name, to_folder, to, flags);
}
int renameat(int folder, const char *name, int to_folder, const char *to) {
  return renameat2(folder, name, to_folder, to, 0);
}
int rename(const char *name, const char *to) { return renameat2(AT_FDCWD, name, AT_FDCWD, to, 0); }
int linkat(int folder, const char *name, int to_folder, const char *to, int flags) {
  FROM_TO("link", 1)
  return (int)syscall(SYS_linkat, folder, name, to_folder, to, flags);
}
int link(const char *name, const char *to) { return linkat(AT_FDCWD, name, AT_FDCWD, to, 0); }
int symlink(const char *to, const char *name) {
  BY_NAME("symlink", AT_FDCWD, name, 1)
  return (int)syscall(SYS_symlinkat, to, AT_FDCWD, name);
}
