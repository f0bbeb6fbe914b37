// One fault: the n-th use of a system call fails, or kills the process that makes it. What a test and the
// programs of keeper_faulty have in common is one file, mapped by all of them, whose path they find in the
// variable FAULT_PLAN; so it is the n-th use of all halves together, however often one is replaced by
// another.
#pragma once
#include <atomic>
#include <cerrno>
#include <cstdint>

namespace keeper::faults {

/// The calls by which a keeper and its guard meet the system, and how each of them fails. Those of the guard,
/// which has no library, are told apart. 0: it is only killed at; what it asks for the system does not refuse
/// (a timer's time, a child's status), or its failure leaves what the next keeper puts right (a socket that
/// nobody has).
#define KEEPER_FAULT_CALLS(X) \
  X(open, EMFILE)             \
  X(openat, EMFILE)           \
  X(fdopendir, ENOMEM)        \
  X(close, EINTR)             \
  X(read, EIO)                \
  X(pread, EIO)               \
  X(write, ENOSPC)            \
  X(pwrite, ENOSPC)           \
  X(splice, ENOSPC)           \
  X(tee, ENOMEM)              \
  X(ftruncate, EIO)           \
  X(fallocate, ENOSPC)        \
  X(memfd_create, EMFILE)     \
  X(fstat, EIO)               \
  X(fsync, EIO)               \
  X(fdatasync, EIO)           \
  X(renameat, ENOSPC)         \
  X(renameat2, ENOSPC)        \
  X(unlink, EIO)              \
  X(unlinkat, 0)              \
  X(mkdirat, ENOSPC)          \
  X(pipe2, EMFILE)            \
  X(dup2, EBUSY)              \
  X(fcntl, EAGAIN)            \
  X(mmap, ENOMEM)             \
  X(fork, EAGAIN)             \
  X(clone, EAGAIN)            \
  X(execve, ENOMEM)           \
  X(setsid, EPERM)            \
  X(chdir, EACCES)            \
  X(kill, EPERM)              \
  X(waitid, EINTR)            \
  X(sigprocmask, 0)           \
  X(signalfd, EMFILE)         \
  X(socket, EMFILE)           \
  X(bind, ENOSPC)             \
  X(listen, EADDRINUSE)       \
  X(accept4, EMFILE)          \
  X(recv, ECONNRESET)         \
  X(sendmsg, EPIPE)           \
  X(epoll_create1, EMFILE)    \
  X(epoll_ctl, ENOSPC)        \
  X(epoll_wait, EINTR)        \
  X(ppoll, EINTR)             \
  X(timerfd_create, EMFILE)   \
  X(timerfd_settime, 0)       \
  X(eventfd, EMFILE)          \
  X(inotify_init1, EMFILE)    \
  X(inotify_add_watch, ENOSPC)

#define KEEPER_FAULT_GUARD_CALLS(X) \
  X(clone, EAGAIN)                  \
  X(execve, ENOMEM)                 \
  X(socketpair, EMFILE)             \
  X(mmap, ENOMEM)                   \
  X(signalfd4, EMFILE)              \
  X(recvmsg, ENOMEM)                \
  X(sendto, EAGAIN)                 \
  X(waitid, 0)                      \
  X(ppoll, EINTR)

enum class Call : std::uint32_t {
#define KEEPER_FAULT_NAME(name, error) name,
  KEEPER_FAULT_CALLS(KEEPER_FAULT_NAME)
#undef KEEPER_FAULT_NAME
#define KEEPER_FAULT_NAME(name, error) guard_##name,
      KEEPER_FAULT_GUARD_CALLS(KEEPER_FAULT_NAME)
#undef KEEPER_FAULT_NAME
          guard_other,  ///< does not fail
  count
};
constexpr std::uint32_t kCalls = static_cast<std::uint32_t>(Call::count);

enum class Act : std::uint32_t {
  none,        ///< the uses are counted
  fail,        ///< with its error
  kill,        ///< the half of a keeper for which it is made: of a call between fork and exec its parent
  kill_here,   ///< whoever makes it
  kill_both,   ///< a keeper that makes it, and its guard
  kill_after,  ///< a keeper that has made it, as it returns
  stop,        ///< a keeper at the execve of its program, which stops just before it
  stop_blank,  ///< both halves; the program stops as in the middle of execve(2), without command line and
               ///< variables
};

struct Plan {
  std::atomic<Act> act;
  std::atomic<std::uint32_t> call;
  std::atomic<std::uint32_t> use;  ///< the first is 1
  std::atomic<std::uint32_t> fired;
  std::atomic<std::uint32_t> used[kCalls];
  std::atomic<bool> is_full;         ///< the disk that the logs are on, when they have taken
  std::atomic<std::int64_t> room;    ///< so many bytes more
  std::atomic<std::uint32_t> walks;  ///< directories /proc that were opened, by all halves
};

}  // namespace keeper::faults
