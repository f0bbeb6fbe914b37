#include "keeper/survive/guard.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "keeper/survive/bare_calls.hpp"
#include "keeper/survive/callers_own.hpp"
#include "keeper/survive/guard_words.hpp"
#include "keeper/survive/inbox.hpp"
#include "keeper/survive/unused_stack.hpp"

namespace keeper {
namespace {

using bare::address;
using bare::call;

constexpr const char* kVariable = "KEEPER_ROLE=";
constexpr const char* kOwnImage = "/proc/self/exe";
constexpr int kMostText = kGuardWordsMost * (GuardWord::kName + 9);  // of the variable part of a role
constexpr long kSecond = 1000;                                       // ms
constexpr long kFirstWait = 50;  // ms before the third of consecutive keepers that died early
constexpr long kLongestWait = 5 * kSecond;
constexpr long kUpWithin = 2 * kSecond;  // for the first keeper of a new program file
constexpr long kLookAgain = 10;          // for what is not signalled
constexpr long kForever = -1;
constexpr int kNameMost = 128;
constexpr int kPathMost = 4096 + kMostText;

struct Held {
  char name[GuardWord::kName];
  int fd;
};

/// The held descriptors. All but the first few are mapped: an array of the greatest size would lie between
/// the used parts of the stack, and cost each guard a page.
struct HeldList {
  static constexpr int kFew = 24;
  int count;
  Held few[kFew];
  Held* more;

  Held& operator[](int i) { return i < kFew ? few[i] : more[i - kFew]; }
  const Held& operator[](int i) const { return i < kFew ? few[i] : more[i - kFew]; }
  bool has_room() {
    if (count < kFew) return true;
    constexpr long bytes = (kGuardWordsMost - kFew) * sizeof(Held);
    if (more == nullptr) {
      const long made = call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (made >= 0 || made < -4096) more = reinterpret_cast<Held*>(made);
    }
    return more != nullptr && count < kGuardWordsMost;
  }
};

struct Guard {
  char** argv;
  char** envp;
  char** slot;       // of the role, in the environment
  const char* rest;  // of the role: the constant part
  Inbox* inbox;
  int signals;
  bool guards;  // this is a guard, not a keeper
  int link;     // to the keeper
  int keeper;   // its pid; 0: no keeper runs now
  bool up;      // it has reported that it is up
  bool again;   // there was one before it
  bool leaving;
  int code;            // exit code
  long started;        // ms
  long next;           // ms: the start of the next one
  int early;           // number of consecutive early deaths
  int died;            // wait status of the last one
  const char* failed;  // why the tried program file is not used
  char number[12];     // for an errno
  bool trying;         // the next keeper, or one that is not up yet, runs the image of `path`
  bool trial;          // the keeper was started from `path`
  char path[kGuardPathMost];
  HeldList held;
};

// --- text

bool starts_with(const char* text, const char* with) {
  for (; *with != 0; ++text, ++with)
    if (*text != *with) return false;
  return true;
}

bool same_name(const char* a, const char* b) {
  for (int i = 0; i < GuardWord::kName; ++i) {
    if (a[i] != b[i]) return false;
    if (a[i] == 0) return true;
  }
  return true;
}

/// Overflow wraps to a number that matches no descriptor.
const char* read_number(const char* at, int& out) {
  unsigned number = 0;
  for (; *at >= '0' && *at <= '9'; ++at)
    number = number * 10 + static_cast<unsigned>(*at - '0');
  out = static_cast<int>(number & 0x7fffffff);
  return at;
}

/// Writes text into a buffer; omits what does not fit.
struct Writer {
  char* at;
  char* end;
  void text(const char* from) {
    for (; *from != 0 && at < end - 1; ++from)
      *at++ = *from;
    *at = 0;
  }
  void number(int value) {
    char digits[12];
    char* digit = digits + sizeof digits;
    *--digit = 0;
    do
      *--digit = static_cast<char>('0' + value % 10);
    while ((value /= 10) > 0);
    text(digit);
  }
};

// --- the state at its start

/// Parses "lock:5,socket:6"; returns false if it is invalid (any process may have set the variable).
bool read_held(Guard& g, const char* at) {
  while (*at != 0 && *at != ' ' && *at != ';' && g.held.has_room()) {
    Held& one = g.held[g.held.count];
    int length = 0;
    for (; *at != ':'; ++at) {
      if (*at == 0 || length >= GuardWord::kName - 1) return false;
      one.name[length++] = *at;
    }
    one.name[length] = 0;
    at = read_number(at + 1, one.fd);
    if (call(SYS_fcntl, one.fd, F_SETFD, FD_CLOEXEC) < 0) return false;
    ++g.held.count;
    if (*at == ',') ++at;
  }
  return g.held.count > 0;
}

int held(const Guard& g, const char* name) {
  for (int i = 0; i < g.held.count; ++i)
    if (same_name(g.held[i].name, name)) return g.held[i].fd;
  return -1;
}

bool read_role(Guard& g) {
  const char* at = *g.slot;
  while (*at++ != '=') {
  }
  for (g.rest = at; *g.rest != ';'; ++g.rest)
    if (*g.rest == 0) return false;
  for (; at < g.rest; ++at) {
    if (at[-1] != ' ') continue;
    if (starts_with(at, "fds=") && !read_held(g, at + 4)) return false;
    if (starts_with(at, "keeper=")) read_number(at + 7, g.keeper);
    if (starts_with(at, "link=") || starts_with(at, "guard=")) read_number(at + (*at == 'l' ? 5 : 6), g.link);
    if (starts_with(at, "next=1")) g.again = true;
  }
  return held(g, "lock") >= 0 && held(g, "socket") >= 0;
}

/// Maps the inbox of the state page; unmaps that of an earlier file.
void map_inbox(Guard& g) {
  const int file = held(g, "state");
  if (file < 0) return;
  const long memory = call(SYS_mmap, 0, kStatePageMapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory < 0 && memory >= -4096) return;
  if (g.inbox != nullptr) call(SYS_munmap, address(g.inbox) - kInboxAt, kStatePageMapped);
  g.inbox = reinterpret_cast<Inbox*>(memory + kInboxAt);
}

/// Returns null while the file is too short: touching the mapping would end this process.
Inbox* inbox_of(const Guard& g) {
  if (g.inbox == nullptr) return nullptr;
  const long size = call(SYS_lseek, held(g, "state"), 0, SEEK_END);
  return size >= static_cast<long>(kStatePageMapped) ? g.inbox : nullptr;
}

long now() {
  timespec time{};
  call(SYS_clock_gettime, CLOCK_MONOTONIC, address(&time));
  return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

// --- its keeper

/// Writes KEEPER_ROLE=ROLE fds=... and what `more` adds, then the constant part.
void write_role(const Guard& g, char* text, const char* role, const char* key1, int value1, const char* key2,
                int value2) {
  Writer out{text, text + kPathMost};
  out.text(kVariable);
  out.text(role);
  out.text(" fds=");
  for (int i = 0; i < g.held.count; ++i) {
    if (i > 0) out.text(",");
    out.text(g.held[i].name);
    out.text(":");
    out.number(g.held[i].fd);
  }
  if (value1 >= 0) out.text(key1), out.number(value1);
  if (value2 >= 0) out.text(key2), out.number(value2);
  if (g.trying) out.text(" trial=1");
  if (g.died != 0) out.text(" died="), out.number(g.died);
  if (g.failed != nullptr) out.text(" failed="), out.text(g.failed);
  out.text(g.rest);
}

void keep_on_exec(const Guard& g, bool keep) {
  for (int i = 0; i < g.held.count; ++i)
    call(SYS_fcntl, g.held[i].fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

/// Sets the name in ps(1): "keeper: guard NAME", "keeper: NAME".
void write_name(const Guard& g, char* name, const char* begin) {
  Writer out{name, name + kNameMost};
  out.text(begin);
  const char* at = g.rest;
  while (*at != 0 && !starts_with(at, " stem="))
    ++at;
  for (at += *at != 0 ? 6 : 0; *at != 0 && *at != ' ' && out.at < out.end - 1; ++at)
    *out.at++ = *at;
  *out.at = 0;
}

/// Runs in the new process.
[[noreturn]] void become_keeper(Guard& g, const char* image, int link) {
  char name[kNameMost];
  write_name(g, name, "keeper: ");
  char* argv[2] = {name, nullptr};
  char role[kPathMost];
  write_role(g, role, "keeper", " guard=", link, " next=", g.again ? 1 : 0);
  *g.slot = role;
  keep_on_exec(g, true);
  if (link >= 0) call(SYS_fcntl, link, F_SETFD, 0);
  call(SYS_execve, address(image), address(argv), address(g.envp));
  for (;;)
    call(SYS_exit_group, 127);
}

void end_link(Guard& g) {
  if (g.link >= 0) call(SYS_close, g.link);
  g.link = -1;
}

/// Sets the start of the next keeper, after one that ended or could not be started.
void wait_longer(Guard& g) {
  ++g.early;
  long wait = g.early == 1 ? 0 : kFirstWait;
  for (int i = 2; i < g.early && wait < kLongestWait; ++i)
    wait *= 2;
  g.next = now() + (wait < kLongestWait ? wait : kLongestWait);
}

/// If not even the first keeper can be forked, this process becomes it, and can report that.
void cannot_start(Guard& g) {
  if (!g.again) become_keeper(g, kOwnImage, -1);
  wait_longer(g);
}

void start_keeper(Guard& g) {
  g.next = kForever;
  g.started = now();
  g.up = false;
  g.trial = g.trying;
  int ends[2];
  if (call(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, address(ends)) < 0)
    return cannot_start(g);
  const char* image = g.trying ? g.path : kOwnImage;
  const long pid = call(SYS_clone, SIGCHLD);
  if (pid == 0) become_keeper(g, image, ends[1]);
  call(SYS_close, ends[1]);
  if (pid < 0) {
    call(SYS_close, ends[0]);
    return cannot_start(g);
  }
  g.link = ends[0];
  g.keeper = static_cast<int>(pid);
  g.again = true;
}

/// Returns to this process's program file after a tried one failed.
void roll_back(Guard& g, const char* why) {
  g.trying = false;
  g.failed = why;
}

// --- messages

void say(Guard& g, GuardWord::Kind kind, int code) {
  if (g.link < 0) return;
  GuardWord word{};
  word.kind = kind;
  word.code = code;
  call(SYS_sendto, g.link, address(&word), sizeof word, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void let_go(Guard& g, const char* name) {
  for (int i = 0; i < g.held.count; ++i) {
    if (!same_name(g.held[i].name, name)) continue;
    call(SYS_close, g.held[i].fd);
    g.held[i] = g.held[--g.held.count];
    return;
  }
}

void hold(Guard& g, const GuardWord& word, int fd) {
  if (fd < 0) return say(g, GuardWord::kept, GuardWord::none_came);
  let_go(g, word.name);
  if (!g.held.has_room()) {
    call(SYS_close, fd);
    return say(g, GuardWord::kept, GuardWord::full);
  }
  Held& one = g.held[g.held.count++];
  for (int i = 0; i < GuardWord::kName; ++i)
    one.name[i] = word.name[i];
  one.name[GuardWord::kName - 1] = 0;
  one.fd = fd;
  if (same_name(one.name, "state")) map_inbox(g);
  say(g, GuardWord::kept, GuardWord::held);
}

/// A keeper that a script has executed has the name of its file: it executes itself again, under its own
/// name. If that fails, it keeps the name.
void be_named(Guard& g) {
  if (starts_with(g.argv[0], "keeper: ")) return;
  char name[kNameMost];
  write_name(g, name, g.guards ? "keeper: guard " : "keeper: ");
  char* argv[2] = {name, nullptr};
  keep_on_exec(g, true);
  if (g.link >= 0) call(SYS_fcntl, g.link, F_SETFD, 0);
  call(SYS_execve, address(kOwnImage), address(argv), address(g.envp));
  keep_on_exec(g, false);
}

/// The keeper of a new program file is up: this process executes the file too, and keeps that keeper. If that
/// fails, it stays what it is, and so does its next keeper.
void follow(Guard& g) {
  char role[kPathMost];
  char* before = *g.slot;
  write_role(g, role, "guard", " keeper=", g.keeper, " link=", g.link);
  *g.slot = role;
  keep_on_exec(g, true);
  call(SYS_fcntl, g.link, F_SETFD, 0);
  const long error = call(SYS_execve, address(g.path), address(g.argv), address(g.envp));
  keep_on_exec(g, false);
  call(SYS_fcntl, g.link, F_SETFD, FD_CLOEXEC);
  *g.slot = before;
  Writer{g.number, g.number + sizeof g.number}.number(static_cast<int>(-error));
  roll_back(g, g.number);
  call(SYS_kill, g.keeper, SIGKILL);  // before it gets a reply, which would end the upgrade
}

/// Returns false if there was none. Reads all messages of its keeper before it handles the keeper's end.
bool take_word(Guard& g) {
  if (g.link < 0) return false;
  struct {
    GuardWord word;
    char path[kGuardPathMost];
  } said;
  said.path[0] = 0;
  alignas(cmsghdr) char beside[CMSG_SPACE(sizeof(int))];
  iovec piece{&said, sizeof said};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = beside;
  header.msg_controllen = sizeof beside;
  const long got = call(SYS_recvmsg, g.link, address(&header), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got == 0) end_link(g);
  if (got < static_cast<long>(sizeof(GuardWord))) return false;
  int fd = -1;
  const auto* part = reinterpret_cast<const cmsghdr*>(beside);
  if (header.msg_controllen >= CMSG_LEN(sizeof(int)) && part->cmsg_type == SCM_RIGHTS)
    fd = *reinterpret_cast<const int*>(part + 1);
  switch (said.word.kind) {
    case GuardWord::put: hold(g, said.word, fd); break;
    case GuardWord::drop: let_go(g, said.word.name); break;
    case GuardWord::up:
      g.up = true;
      g.failed = nullptr;
      if (g.trying) g.trying = false, follow(g);
      break;
    case GuardWord::leave: g.leaving = true, g.code = said.word.code; break;
    case GuardWord::renew:
      said.path[kGuardPathMost - 1] = 0;
      Writer{g.path, g.path + sizeof g.path}.text(said.path);
      g.trying = true;
      g.failed = nullptr;
      break;
    case GuardWord::room: break;  // it was woken, which is enough
    default: break;
  }
  return true;
}

// --- ended processes, and signals

/// Handles the end of its own keeper last: the successor then finds all others in the inbox.
void note_ended(Guard& g) {
  for (;;) {
    siginfo_t info;
    info.si_pid = 0;
    if (call(SYS_waitid, P_ALL, 0, address(&info), WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
      return;
    if (info.si_pid == g.keeper) return;
    const InboxEntry::What what = info.si_code == CLD_EXITED   ? InboxEntry::exited
                                  : info.si_code == CLD_DUMPED ? InboxEntry::dumped
                                                               : InboxEntry::killed;
    Inbox* inbox = inbox_of(g);
    if (inbox != nullptr && !inbox->put(what, info.si_status, info.si_pid)) return;
    call(SYS_waitid, P_PID, info.si_pid, address(&info), WEXITED | WNOHANG);
    say(g, GuardWord::news, 0);
  }
}

[[noreturn]] void leave(const Guard& g) {
  for (;;)
    call(SYS_exit_group, g.code);
}

void keeper_ended(Guard& g, const siginfo_t& info) {
  while (take_word(g)) {
  }
  end_link(g);
  const bool was_up = g.up;
  g.keeper = 0;
  if (g.leaving) leave(g);
  const bool killed = info.si_code == CLD_KILLED && info.si_status == SIGKILL;
  const bool gave_way = g.trying && was_up;  // it ended so that another program file can be tried
  const bool rolled_back = g.trial && !was_up;
  g.died = info.si_code == CLD_EXITED ? info.si_status << 8 | 1 << 16 : info.si_status;
  if (g.trying && !was_up) roll_back(g, "died");
  if (gave_way || rolled_back || (killed && was_up)) {
    g.next = now();
    return;
  }
  if (now() - g.started >= kSecond) g.early = 0;
  wait_longer(g);
  if (g.early > 1) let_go(g, "report");  // the command that waits for the start sees its end
}

void look_at_children(Guard& g) {
  note_ended(g);
  if (g.keeper == 0) return;
  siginfo_t info;
  info.si_pid = 0;
  info.si_code = CLD_KILLED;
  info.si_status = SIGKILL;
  const long result = call(SYS_waitid, P_PID, g.keeper, address(&info), WEXITED | WNOHANG);
  if (result == -ECHILD) info.si_pid = g.keeper;  // for any other error it may still live
  if (info.si_pid == 0) return;
  keeper_ended(g, info);
  note_ended(g);  // entries that waited for it
}

void take_signals(Guard& g) {
  signalfd_siginfo info;
  while (call(SYS_read, g.signals, address(&info), sizeof info) == static_cast<long>(sizeof info)) {
    if (info.ssi_signo == SIGCHLD) continue;
    Inbox* inbox = inbox_of(g);
    const bool put = inbox != nullptr && inbox->put(InboxEntry::signal, static_cast<int>(info.ssi_signo),
                                                    static_cast<int>(info.ssi_pid), info.ssi_uid);
    if (!put && g.keeper > 0) call(SYS_kill, g.keeper, info.ssi_signo);
    say(g, GuardWord::news, 0);
  }
}

constexpr unsigned long bit_of(int signal) {
  return 1ul << (signal - 1);
}

void open_signals(Guard& g) {
  unsigned long set = 0;
  for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGCHLD})
    set |= bit_of(signal);
  g.signals =
      static_cast<int>(call(SYS_signalfd4, -1, address(&set), sizeof set, SFD_CLOEXEC | SFD_NONBLOCK));
}

/// Does as own_all_signals(). All zero is the default action, whatever the order of the kernel's members.
void own_signals() {
  unsigned long set = ~0ul;
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGTSTP, SIGCONT})
    set &= ~bit_of(signal);
  call(SYS_rt_sigprocmask, SIG_SETMASK, address(&set), 0, sizeof set);
  alignas(long) const char standard[64] = {};
  for (int signal = 1; signal <= 64; ++signal)
    call(SYS_rt_sigaction, signal, address(standard), 0, sizeof set);
}

/// Its descriptors are marked already. Numbers 0 to 2 must stay free for others: a program gets its own
/// there.
void own_descriptors() {
  call(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
  for (int fd = 0; fd <= 2; ++fd)
    if (call(SYS_fcntl, fd, F_GETFD) < 0) call(SYS_openat, AT_FDCWD, address("/dev/null"), O_RDWR);
}

/// Makes it a guard, whatever this process was before (a wrapper script may have changed any of these).
void own_process(const Guard& g) {
  own_signals();
  own_descriptors();
  for (const char* at = g.rest; *at != 0 && !starts_with(at, " stem="); ++at)
    if (starts_with(at, " caller=")) take_callers_own(at + 8);
  call(SYS_prctl, PR_SET_NAME, address("keeper"));
  call(SYS_prctl, PR_SET_PDEATHSIG, 0);
  call(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1);
}

/// Returns when an action is due; kForever: none.
long due(const Guard& g) {
  if (g.keeper == 0) return g.next;
  return g.trying && !g.up ? g.started + kUpWithin : kForever;
}

/// Returns how long to wait for news only. A keeper that has closed its line is about to end, which needs no
/// signal.
long wake_at(const Guard& g) {
  const long until = due(g);
  const bool cannot_hear = g.signals < 0 || (g.keeper != 0 && g.link < 0);
  const long look = cannot_hear ? now() + (g.signals < 0 ? kSecond : kLookAgain) : kForever;
  return until == kForever || (look != kForever && look < until) ? look : until;
}

/// Releases the pages of the stack that the work since the last rest has used (madvise(2)): half of a guard's
/// memory.
[[gnu::noinline]] void give_back_stack() {
  const char here = 0;
  const UnusedStack unused = unused_stack(&here, 64 * 1024);
  call(SYS_madvise, static_cast<long>(unused.address), static_cast<long>(unused.bytes), MADV_DONTNEED);
}

[[noreturn]] void keep_guard(Guard& g) {
  own_process(g);
  map_inbox(g);
  if (g.keeper == 0)
    start_keeper(g);
  else
    g.up = g.again = true;
  for (;;) {
    if (g.signals < 0) open_signals(g);
    give_back_stack();
    pollfd waits[2] = {{g.signals, POLLIN, 0}, {g.link, POLLIN, 0}};
    const long until = wake_at(g);
    timespec time{};
    if (until != kForever) {
      const long left = until - now();
      time.tv_sec = left > 0 ? left / 1000 : 0;
      time.tv_nsec = left > 0 ? left % 1000 * 1'000'000 : 0;
    }
    call(SYS_ppoll, address(waits), 2, until == kForever ? 0 : address(&time), 0, 8);
    take_signals(g);
    while (take_word(g)) {
    }
    look_at_children(g);
    const long next = due(g);
    if (next == kForever || now() < next) continue;
    if (g.keeper != 0 && g.trying && !g.up) {
      roll_back(g, "silent");
      call(SYS_kill, g.keeper, SIGKILL);
    } else if (g.keeper == 0) {
      start_keeper(g);
    }
  }
}

}  // namespace

/// Becomes the guard. In a keeper, only corrects the name that a script has left.
void guard_if_asked(char** argv, char** envp) {
  for (char** at = envp; *at != nullptr; ++at) {
    if (!starts_with(*at, kVariable)) continue;
    Guard g;
    g.argv = argv, g.envp = envp, g.slot = at, g.rest = nullptr, g.inbox = nullptr;
    g.signals = g.link = -1;
    g.keeper = g.code = g.early = g.died = g.held.count = 0;
    g.up = g.again = g.leaving = g.trying = g.trial = false;
    g.started = 0, g.next = kForever, g.failed = nullptr;
    g.path[0] = 0, g.held.more = nullptr;
    g.guards = starts_with(*at, "KEEPER_ROLE=guard ");
    if (!g.guards && starts_with(argv[0], "keeper: ")) return;
    if (!read_role(g)) return;
    be_named(g);
    if (g.guards) keep_guard(g);
    return;
  }
}

}  // namespace keeper

#if defined(KEEPER_EARLY_GUARD)
extern "C" void keeper_guard_entry(char** stack) {
  const long count = reinterpret_cast<long>(stack[0]);
  keeper::guard_if_asked(stack + 1, stack + 1 + count + 1);
}

// The kernel's entry point in a release: the guard, if this process is to be one, else the usual entry point.
// The stack pointer is at argc (x86-64 psABI, "Process Initialization"; the same on AArch64).
#if defined(__x86_64__)
asm(R"(
  .pushsection .text.keeper_start,"ax"
  .globl keeper_start
  .type keeper_start,@function
keeper_start:
  endbr64
  xor %ebp,%ebp
  mov %rsp,%rbx
  mov %rdx,%r12
  mov %rsp,%rdi
  and $-16,%rsp
  call keeper_guard_entry
  mov %rbx,%rsp
  mov %r12,%rdx
  jmp _start
  .size keeper_start,.-keeper_start
  .popsection
)");
#endif
#endif
