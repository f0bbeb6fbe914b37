#include "ctl/ops/start.hpp"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "ctl/ops/call.hpp"
#include "ctl/ops/fleet_state.hpp"
#include "ctl/ops/pidfd.hpp"
#include "ctl/ops/restart.hpp"

namespace keeper {
namespace {

constexpr std::size_t kAtATime = 8;
constexpr int kTellAgain = 100;  // ms

struct Starting {
  std::size_t index;  ///< of the app
  pid_t pid;
  Fd pidfd;
};

std::string own_directory() {
  std::array<char, PATH_MAX> path{};
  ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  std::string_view text(path.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  return std::string(text.substr(0, text.rfind('/')));
}

bool is_program(const std::string& path) {
  return access(path.c_str(), X_OK) == 0;
}

/// Runs `keeper --start=STEM OPTION`. `option`: empty for none.
Result<pid_t> spawn_keeper(const std::string& keeper, const std::string& stem, const std::string& option) {
  std::string start = "--start=" + stem;
  std::array<const char*, 4> words = {"keeper", start.c_str(), option.empty() ? nullptr : option.c_str(),
                                      nullptr};
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t own;
  sigemptyset(&own);
  sigaddset(&own, SIGPIPE);  // ctl ignores it, and that would be inherited
  posix_spawnattr_setsigdefault(&attributes, &own);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  int failed =
      posix_spawn(&pid, keeper.c_str(), nullptr, &attributes, const_cast<char**>(words.data()), environ);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return Error{Reason::failed, "", "run " + keeper, failed};
  return pid;
}

/// keeper's exit code as one of ours, or kTakenExit. 130: it was told not to wait any longer.
int code_of(int wait_status, bool told) {
  int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : exit_code::failed;
  if (code == exit_code::done || code == kTakenExit) return code;
  if (told) return exit_code::partly;
  return code == exit_code::no_target ? code : exit_code::failed;
}

/// Waits until one has ended, the deadline has passed, or it is time to tell them again.
void wait_for_one(const std::vector<Starting>& all, int milliseconds) {
  std::vector<pollfd> polls;
  for (const Starting& one : all)
    polls.push_back({one.pidfd.get(), POLLIN, 0});
  bool blind = std::any_of(all.begin(), all.end(), [](const Starting& one) { return !one.pidfd; });
  if (blind) milliseconds = kTellAgain;
  poll(polls.data(), polls.size(), milliseconds);
}

std::vector<Outcome> spawn_keepers(const std::string& keeper, const std::vector<AppId>& ids,
                                   const std::string& option, const Deadline& deadline) {
  std::vector<Outcome> out;
  for (const AppId& id : ids)
    out.push_back({id, exit_code::partly, "it took too long; it was not begun"});
  std::vector<Starting> running;
  std::size_t next = 0;
  auto spawn_next = [&] {
    auto pid = spawn_keeper(keeper, ids[next].stem(), option);
    if (pid)
      running.push_back({next, *pid, open_pidfd(*pid)});
    else
      out[next] = Outcome::failed(ids[next], pid.error());
    ++next;
  };
  auto collect = [&](Starting& one) {
    int status = 0;
    pid_t ended = waitpid(one.pid, &status, WNOHANG);
    if (ended == 0) return false;
    if (ended < 0) status = 1 << 8;  // unknown: not a success
    out[one.index] = {ids[one.index], code_of(status, deadline.passed()), ""};
    return true;
  };
  while (true) {
    bool late = deadline.passed();
    while (!late && running.size() < kAtATime && next < ids.size())
      spawn_next();
    if (running.empty()) return out;
    // Such a keeper says that the start goes on, and leaves. It may have been just before its wait: it is
    // told again.
    if (late)
      for (const Starting& one : running)
        kill(one.pid, SIGTERM);
    wait_for_one(running, late ? kTellAgain : deadline.left_for_poll());
    std::erase_if(running, collect);
  }
}

}  // namespace

Result<std::string> find_keeper() {
  std::string beside = own_directory();
  if (is_program(beside + "/keeper")) return beside + "/keeper";
  const char* variable = std::getenv("PATH");
  for (std::string_view rest = variable != nullptr ? variable : ""; !rest.empty();) {
    std::size_t colon = rest.find(':');
    std::string path = std::string(rest.substr(0, colon)) + "/keeper";
    if (path.front() == '/' && is_program(path)) return path;
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
  }
  return Error{Reason::failed, "", "there is no program 'keeper' in " + beside + " (beside ctl) nor in PATH",
               0};
}

std::string already_text(const std::string& stem, const Status& status) {
  std::string pid = status.pid ? ", pid " + std::to_string(*status.pid) : "";
  if (status.state == State::backoff) return stem + " is kept already, and waits for its next start";
  return stem + " is " + std::string(word_for(status.state)) + " already" + pid;
}

std::vector<Outcome> take_over_to_stop(const std::string& keeper, const std::vector<AppId>& ids,
                                       std::string_view verb, const Deadline& deadline) {
  std::vector<Outcome> out = spawn_keepers(keeper, ids, "--to-stop=" + std::string(verb), deadline);
  for (Outcome& one : out)
    if (one.code == kTakenExit) one.code = exit_code::done;
  return out;
}

std::vector<Outcome> start_apps(const Home& home, const std::string& keeper, const std::vector<AppId>& ids,
                                bool until_ready, const Deadline& deadline) {
  std::vector<Outcome> out = spawn_keepers(keeper, ids, until_ready ? "" : "--no-wait", deadline);
  std::set<AppId> taken;
  for (const Outcome& one : out)
    if (one.code == kTakenExit) taken.insert(one.id);
  if (taken.empty()) return out;
  std::vector<Outcome> others;
  for (const Row& row : look_again(home, taken, deadline))
    others.push_back(row.answered ? Outcome::done(row.id, already_text(row.id.stem(), row.status))
                                  : Outcome::failed(row.id, deaf(row)));
  if (until_ready) await_ready(home, others, deadline);
  for (Outcome& one : out) {
    if (one.code != kTakenExit) continue;
    auto other = std::find_if(others.begin(), others.end(), [&](const Outcome& o) { return o.id == one.id; });
    one = other != others.end()
              ? *other
              : Outcome::failed(one.id, {Reason::not_running, "", "it was deleted meanwhile", 0});
  }
  return out;
}

}  // namespace keeper
