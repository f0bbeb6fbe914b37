#include "keeper/watch/signals.hpp"

#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>
#include <system_error>

#include "protocol/base/lifetime.hpp"
#include "protocol/base/scope_exit.hpp"

namespace keeper {
namespace {

// Signals of program errors, and of a shell's job control.
constexpr std::initializer_list<int> kLeftAlone = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,  SIGABRT, SIGTRAP,
                                                   SIGSYS,  SIGKILL, SIGSTOP, SIGTSTP, SIGCONT};

int open_signalfd() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGCHLD})
    sigaddset(&set, signal);
  int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  return fd;
}

/// Makes a bare system call: the library reserves two signals (32 and 33), which its posix_spawn(3) ignores
/// in every program that it starts, and would not change them here. All zero is the default action, whatever
/// the order of the kernel's members.
void set_to_default(int signal) {
  alignas(long) const char standard[64] = {};
  syscall(SYS_rt_sigaction, signal, standard, nullptr, (_NSIG - 1) / 8);
}

}  // namespace

void own_all_signals() {
  sigset_t set;
  sigfillset(&set);
  for (int signal : kLeftAlone)
    sigdelset(&set, signal);
  sigprocmask(SIG_SETMASK, &set, nullptr);
  for (int signal = 1; signal <= SIGRTMAX; ++signal)
    if (signal != SIGKILL && signal != SIGSTOP) set_to_default(signal);
}

Signals::Signals(asio::io_context& io, std::function<void(const SignalFact&)> on_signal)
    : fd_(io, open_signalfd()), on_signal_(std::move(on_signal)) {
  wait();
}

void Signals::wait() {
  fd_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (cancelled(error)) return;
    Finally again([this] { wait(); });
    signalfd_siginfo info{};
    while (read(fd_.native_handle(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
      on_signal_({static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL,
                  static_cast<int>(info.ssi_pid), info.ssi_uid});
  });
}

}  // namespace keeper
