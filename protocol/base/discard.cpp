#include "protocol/base/discard.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

// The sanitizer's bookkeeping must not run on a stack that it does not know.
#define KEEPER_ON_BORROWED_STACK __attribute__((no_sanitize("address", "undefined")))

namespace keeper {
namespace {

constexpr std::size_t kMostBeside = 253;  // SCM_MAX_FD, unix(7)
constexpr std::size_t kStack = 16 * 1024;
constexpr suseconds_t kPatience = 1000;  // us

struct Discarding {
  int socket;
  std::size_t wanted;
  struct sigaction on_alarm;
  std::size_t taken;
};

KEEPER_ON_BORROWED_STACK void interrupt(int) {}

/// The kernel drops a descriptor without a free number at once, and not at the exit: the alarm interrupts a
/// close that waits. The child has its own signals, limits and timers.
KEEPER_ON_BORROWED_STACK void make_ready(const Discarding& todo) {
  rlimit64 files{};
  syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &files);
  files.rlim_cur = files.rlim_max;
  syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &files, nullptr);
  sigaction(SIGALRM, &todo.on_alarm, nullptr);
  const unsigned long none = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
  const itimerval soon{{0, kPatience}, {0, kPatience}};
  syscall(SYS_setitimer, ITIMER_REAL, &soon, nullptr);
}

KEEPER_ON_BORROWED_STACK int discard(void* argument) {
  Discarding& todo = *static_cast<Discarding*>(argument);
  make_ready(todo);
  char bytes[4096];
  alignas(cmsghdr) char beside[CMSG_SPACE(kMostBeside * sizeof(int)) + CMSG_SPACE(sizeof(ucred))];
  while (todo.taken < todo.wanted) {
    const std::size_t left = todo.wanted - todo.taken;
    iovec piece{bytes, left < sizeof bytes ? left : sizeof bytes};
    msghdr header{};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = beside;
    header.msg_controllen = sizeof beside;
    const long got = syscall(SYS_recvmsg, todo.socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got <= 0) break;
    todo.taken += static_cast<std::size_t>(got);
  }
  for (;;)
    syscall(SYS_exit_group, 0);
}

}  // namespace

ssize_t receive_bytes_alone(int socket, char* bytes, std::size_t size) {
  iovec piece{bytes, size};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  const ssize_t next = recvmsg(socket, &header, MSG_PEEK | MSG_DONTWAIT);
  if (next <= 0) return next;
  if ((header.msg_flags & MSG_CTRUNC) == 0)
    return recv(socket, bytes, static_cast<std::size_t>(next), MSG_DONTWAIT);
  discard_by_child(socket, static_cast<std::size_t>(next));
  errno = EPROTO;
  return -1;
}

/// vfork(2) suspends this process until the child has released the shared memory, which happens before it
/// closes its descriptors.
std::optional<std::size_t> discard_by_child(int socket, std::size_t bytes) {
  Discarding todo{socket, bytes, {}, 0};
  todo.on_alarm.sa_handler = interrupt;
  alignas(16) char stack[kStack];
  if (clone(discard, stack + kStack, CLONE_VM | CLONE_VFORK | SIGCHLD, &todo) < 0) return std::nullopt;
  return todo.taken;
}

void close_for_all(Fd socket) {
  int unread = 0;
  shutdown(socket.get(), SHUT_RDWR);
  while (ioctl(socket.get(), FIONREAD, &unread) == 0 && unread > 0 &&
         discard_by_child(socket.get(), static_cast<std::size_t>(unread)).value_or(0) > 0) {
  }
}

}  // namespace keeper
