#include "keeper/log/compressor.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "protocol/base/lifetime.hpp"

namespace keeper {
namespace {

constexpr int kIdle = 3 << 13;  // ioprio_set(2): class IDLE

/// Closes the keeper's other descriptors: this process would keep its lock.
void drop_all_but(int from, int to) {
  if (dup2(from, 3) < 0 || dup2(to, 4) < 0) _exit(1);
  syscall(SYS_close_range, 5U, ~0U, 0U);
}

bool pack(int from, int to) {
  gzFile out = gzdopen(to, "wb");
  if (out == nullptr) return false;
  std::array<char, 64 * 1024> bytes;
  ssize_t got = 0;
  while ((got = read(from, bytes.data(), bytes.size())) > 0)
    if (gzwrite(out, bytes.data(), static_cast<unsigned>(got)) != got) return false;
  struct stat of {};
  if (got < 0 || gzflush(out, Z_FINISH) != Z_OK || fstat(from, &of) < 0) return false;
  // Followers of the log recognise the file by its times.
  timespec times[] = {of.st_atim, of.st_mtim};
  if (futimens(to, times) < 0 || fsync(to) < 0) return false;
  return gzclose(out) == Z_OK;
}

[[noreturn]] void pack_and_exit(const ActingUser* user, int from, int to) {
  setsid();  // keeps out signals for keeper's terminal
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
    std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setpriority(PRIO_PROCESS, 0, 19);
  syscall(SYS_ioprio_set, 1, 0, kIdle);
  if (user != nullptr && !become(*user)) _exit(1);
  drop_all_but(from, to);
  _exit(pack(3, 4) ? 0 : 1);
}

}  // namespace

Done Compressor::start(const FilePlace& log, const std::string& from, const std::string& to) {
  Fd in = open_beside(log, from, O_RDONLY | O_NONBLOCK);
  if (!in) return system_error("compress " + from);
  struct stat st {};
  fstat(in.get(), &st);
  Fd out = open_beside(log, to, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK);
  if (!out) return system_error("compress " + from, "write " + to);
  if (auto wanted = attributes_of(in.get())) give_attributes(log, out.get(), *wanted);
  int pid = fork();
  if (pid < 0) return system_error("compress " + from, "fork");
  if (pid == 0) pack_and_exit(log.as, in.get(), out.get());
  int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  std::error_code error;
  pidfd_.emplace(io_);
  if (fd >= 0) pidfd_->assign(fd, error);
  if (fd < 0 || error) {
    kill(pid, SIGKILL);  // the reaper of strangers reaps it
    return Error{Reason::failed, "compress " + from, "no descriptor is left", 0};
  }
  pid_ = pid;
  inode_ = st.st_ino;
  wait();
  return {};
}

void Compressor::wait() {
  pidfd_->async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (!cancelled(error)) look();
  });
}

void Compressor::look() {
  int status = 0;
  const int ended = waitpid(pid_, &status, WNOHANG);
  if (ended == 0) return wait();
  const bool good = ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  pid_ = 0;
  pidfd_.reset();
  done_(good, inode_);
}

}  // namespace keeper
