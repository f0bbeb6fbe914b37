// The seam of keeper_faulty: the linker puts these in the place of the system calls that its objects ask for
// (ld(1), --wrap), so that a keeper as it is released has nothing of it.
//
// Each passes on six words, whatever it takes: those that a call does not take are in registers that it does
// not look at (x86-64 psABI and AAPCS64, "Parameter Passing"), as none of them takes a floating point number.
#include <dirent.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "tests/faults/plan.hpp"

namespace {

using keeper::faults::Act;
using keeper::faults::Call;
using keeper::faults::Plan;

Plan* plan = nullptr;
bool looked = false;
bool made = false;  // the call that was to be the last one but for its result
long self = 0;      // which process this memory is of: what is between fork and exec has another's
long above = 0;     // the parent of that one

long bare(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  return syscall(number, a, b, c, d, e, f);
}

/// By calls that are not counted.
void find_plan() {
  looked = true;
  self = bare(SYS_getpid);
  above = bare(SYS_getppid);
  const char* path = std::getenv("FAULT_PLAN");
  if (path == nullptr) return;
  const long file = bare(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  const long memory = bare(SYS_mmap, 0, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED, file);
  bare(SYS_close, file);
  if (memory != -1) plan = reinterpret_cast<Plan*>(memory);
}

/// This process's memory is its keeper's, which is killed: it shows what it says of itself in there
/// (PR_SET_MM_MAP, prctl(2)).
void show_nothing() {
  char text[1024] = {};
  const long file =
      bare(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/stat"), O_RDONLY | O_CLOEXEC);
  bare(SYS_read, file, reinterpret_cast<long>(text), sizeof text - 1);
  bare(SYS_close, file);
  unsigned long values[53] = {};  // as proc_pid_stat(5) numbers them
  const char* at = std::strrchr(text, ')') + 4;
  for (int i = 4; i <= 51; ++i) {
    char* end = nullptr;
    values[i] = std::strtoul(at, &end, 10);
    at = end;
  }
  prctl_mm_map map{};
  map.start_code = values[26], map.end_code = values[27], map.start_stack = values[28];
  map.start_data = values[45], map.end_data = values[46], map.start_brk = values[47];
  map.brk = static_cast<unsigned long>(bare(SYS_brk, 0));
  map.arg_start = map.arg_end = values[48];
  map.env_start = map.env_end = values[50];
  map.exe_fd = ~0u;
  bare(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, reinterpret_cast<long>(&map), sizeof map);
}

/// Kills the keeper whose child side this is, and waits for SIGCONT.
void stop_before_exec() {
  bare(SYS_kill, self, SIGKILL);
  bare(SYS_kill, bare(SYS_getpid), SIGSTOP);
}

/// As stop_before_exec(), and its guard too: execve(2) has closed what is close-on-exec by then.
void stop_in_exec() {
  show_nothing();
  bare(SYS_close_range, 3, ~0u);
  bare(SYS_kill, above, SIGKILL);
  stop_before_exec();
}

/// Whether this use is to fail. errno stays what it is.
bool fails(Call call) {
  if (!looked) find_plan();
  if (plan == nullptr) return false;
  const std::uint32_t use = ++plan->used[static_cast<std::uint32_t>(call)];
  if (plan->act == Act::none || plan->call != static_cast<std::uint32_t>(call) || plan->use != use)
    return false;
  ++plan->fired;
  if (plan->act == Act::fail) return true;
  if (plan->act == Act::kill_after) {
    made = true;
    return false;
  }
  if (plan->act == Act::stop || plan->act == Act::stop_blank) {
    plan->act == Act::stop ? stop_before_exec() : stop_in_exec();
    return false;
  }
  if (plan->act == Act::kill_both) bare(SYS_kill, bare(SYS_getppid), SIGKILL);
  bare(SYS_kill, plan->act == Act::kill ? self : bare(SYS_getpid), SIGKILL);
  return false;
}

/// The result of a call that has failed: -1, or a null pointer from fdopendir(3).
constexpr long failure_of(Call call) {
  return call == Call::fdopendir ? 0 : -1;
}

/// The loop's own timer and what wakes it: asio takes no notice whether it may watch them.
bool is_of_loop(long fd) {
  char path[32], name[32] = {};
  snprintf(path, sizeof path, "/proc/self/fd/%ld", fd);
  bare(SYS_readlink, reinterpret_cast<long>(path), reinterpret_cast<long>(name), sizeof name - 1);
  const std::string_view what = name;
  return what == "anon_inode:[timerfd]" || what == "anon_inode:[eventfd]";
}

/// What else these two say is about a mistake: epoll_ctl(2) needs memory for what is added only, and fcntl(2)
/// of a descriptor that is open tells and sets its flags.
bool can_fail(Call call, long second, long third) {
  if (call == Call::fcntl)
    return second != F_GETFD && second != F_SETFD && second != F_GETFL && second != F_SETFL;
  return call != Call::epoll_ctl || (second == EPOLL_CTL_ADD && !is_of_loop(third));
}

bool is_log(long fd) {
  char path[32], name[4096];
  snprintf(path, sizeof path, "/proc/self/fd/%ld", fd);
  const long length =
      bare(SYS_readlink, reinterpret_cast<long>(path), reinterpret_cast<long>(name), sizeof name);
  return length > 0 && std::string_view(name, static_cast<std::size_t>(length)).ends_with(".log");
}

/// Of so many bytes for this file those that its disk has room for.
long taken_by_disk(long fd, long bytes) {
  if (plan == nullptr || !plan->is_full || !is_log(fd)) return bytes;
  const long taken = std::min<long>(bytes, plan->room);
  plan->room -= taken;
  return taken;
}

long after(Call call, long result) {
  if (made) bare(SYS_kill, bare(SYS_getpid), SIGKILL);
  if (call == Call::fork && static_cast<int>(result) == 0) self = bare(SYS_getpid);
  return result;
}

}  // namespace

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): the names are the linker's
#define KEEPER_FAULT_WRAP(name, error)                                                    \
  long __real_##name(long, long, long, long, long, long);                                 \
  long __wrap_##name(long a, long b, long c, long d, long e, long f);                     \
  long __wrap_##name(long a, long b, long c, long d, long e, long f) {                    \
    const int before = errno;                                                             \
    bool failed = can_fail(Call::name, b, c) && fails(Call::name);                        \
    if (Call::name == Call::pwrite) failed = failed || (c = taken_by_disk(a, c)) == 0;    \
    if (Call::name == Call::splice) failed = failed || (e = taken_by_disk(c, e)) == 0;    \
    errno = before;                                                                       \
    if (!failed) return after(Call::name, __real_##name(a, b, c, d, e, f));               \
    if (Call::name == Call::close) __real_##name(a, b, c, d, e, f); /* close(2), EINTR */ \
    errno = error;                                                                        \
    return failure_of(Call::name);                                                        \
  }
KEEPER_FAULT_CALLS(KEEPER_FAULT_WRAP)

/// Counts what no restart is to do.
DIR* __real_opendir(const char* path);
DIR* __wrap_opendir(const char* path);
DIR* __wrap_opendir(const char* path) {
  if (!looked) find_plan();
  if (plan != nullptr && std::string_view(path) == "/proc") ++plan->walks;
  return __real_opendir(path);
}
// NOLINTEND
}

namespace keeper::bare {
namespace {

struct Failing {
  long number;
  Call call;
  int error;
};
constexpr Failing kFailing[] = {
#define KEEPER_FAULT_ROW(name, error) {SYS_##name, Call::guard_##name, error},
    KEEPER_FAULT_GUARD_CALLS(KEEPER_FAULT_ROW)
#undef KEEPER_FAULT_ROW
};

}  // namespace

/// The guard's calls (instead/keeper/survive/bare_calls.hpp): a result below zero is the error.
long call(long number, long a, long b, long c, long d, long e, long f) {
  Failing found{number, Call::guard_other, 0};
  for (const Failing& one : kFailing)
    if (one.number == number) found = one;
  if (fails(found.call) && found.error != 0) return -found.error;
  const long result = ::bare(number, a, b, c, d, e, f);
  if (number == SYS_clone && result == 0) self = ::bare(SYS_getpid);
  return result < 0 ? -errno : result;
}

}  // namespace keeper::bare
