// A program that runs as a keeper's would, with its output in a pipe.
#pragma once
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "keeper/child/process.hpp"
#include "protocol/base/proc.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {

inline RunExtras passing(int from, int to) {
  RunExtras out;
  out.fds.push_back({from, to});
  return out;
}

class TestRun {
 public:
  explicit TestRun(std::vector<std::string> command, ChildSettings settings = {}, RunExtras extras = {}) {
    static const char* const none[] = {nullptr};
    SpawnPlan plan(std::move(command), none, {}, "/", std::move(settings));
    Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    auto result = spawn(plan, {null.get(), pipe_.writing.get(), pipe_.writing.get()}, std::move(extras));
    if (auto* failed = std::get_if<SpawnError>(&result))
      ADD_FAILURE() << failed->text;
    else
      spawned_ = std::move(std::get<Spawned>(result));
  }
  ~TestRun() {
    if (pid() > 0) kill(pid(), SIGKILL);
    waitpid(pid(), nullptr, 0);
  }
  TestRun(const TestRun&) = delete;

  int pid() const { return spawned_.pid; }
  int pidfd() const { return spawned_.pidfd.get(); }
  std::optional<ExitInfo> end() const {
    pollfd p{pidfd(), POLLIN, 0};
    poll(&p, 1, static_cast<int>(kLimit.count()));
    return collect(pid(), pidfd());
  }
  /// The next pid after "WORD " that it says.
  int said_pid(const std::string& word) {
    std::size_t at = std::string::npos;
    eventually([&] {
      take();
      at = said_.find(word + " ");
      return at != std::string::npos && said_.find('\n', at) != std::string::npos;
    });
    if (at == std::string::npos) return 0;
    int pid = std::atoi(said_.c_str() + at + word.size() + 1);
    said_.erase(0, said_.find('\n', at) + 1);
    return pid;
  }
  std::string said() {
    take();
    return said_;
  }

 private:
  void take() {
    char chunk[4096];
    fcntl(pipe_.reading.get(), F_SETFL, O_NONBLOCK);
    for (ssize_t got = 0; (got = read(pipe_.reading.get(), chunk, sizeof chunk)) > 0;)
      said_.append(chunk, static_cast<std::size_t>(got));
  }
  Pipe pipe_;
  Spawned spawned_;
  std::string said_;
};

inline bool alive(int pid) {
  return pid > 0 && process_start(pid).has_value();
}

}  // namespace keeper
