#include "ctl/fleet/upgrade.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "ctl/fleet/asking.hpp"

namespace keeper {
namespace {

using std::string;

constexpr Millis kTakesAtMost{10'000};  // a new one has 2 s, and the old one starts again after it
constexpr useconds_t kStep = 5000;

string exe_of(int pid) {
  return "/proc/" + std::to_string(pid) + "/exe";
}

bool same_file(const string& a, const string& b) {
  struct stat one {
  }, other{};
  return stat(a.c_str(), &one) == 0 && stat(b.c_str(), &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

string failed_text(const string& word, const string& program) {
  if (word == "died") return program + " did not start as a keeper: it ended at once; the old one goes on";
  if (word == "silent") return program + " did not come up within 2 s; the old one goes on";
  return program + ": " + word + "; the old one goes on";
}

/// Nothing while it is under way.
std::optional<Outcome> outcome(const Row& before, const Row& now, const string& program,
                               const Result<KeeperProgram>& says) {
  const Status& s = now.status;
  const string stem = before.id.stem();
  if (!now.answered || s.keeper_pid == before.status.keeper_pid || !s.keeper_pid) return std::nullopt;
  if (!says) return std::nullopt;
  if (says->failed)
    return Outcome::failed(before.id, {Reason::failed, "", failed_text(*says->failed, program), 0});
  const bool keeper_too = same_file(exe_of(*s.keeper_pid), program);
  if (!keeper_too || !s.guard_pid || !same_file(exe_of(*s.guard_pid), program)) return std::nullopt;
  const bool other_version = s.version != before.status.version;
  return Outcome::done(before.id, "upgraded " + stem + ": keeper " +
                                      std::to_string(*before.status.keeper_pid) + " -> " +
                                      std::to_string(*s.keeper_pid) + ", version " +
                                      (other_version ? before.status.version + " -> " : "") + s.version);
}

Outcome await_upgrade(const Home& home, const Row& before, const string& program, const Deadline& whole) {
  for (Deadline deadline(kTakesAtMost); !deadline.passed() && !whole.passed(); usleep(kStep)) {
    Answers answers = call_all(home, {call_to(before.id, Upgrade{})}, kLook);
    Result<KeeperProgram> says = reply_of<Upgrade>(before.id, answers.front());
    for (const Row& now : look_again(home, {before.id}, deadline))
      if (auto out = outcome(before, now, program, says)) return *out;
  }
  return Outcome::failed(before.id, late("it goes on being upgraded"));
}

}  // namespace

std::optional<bool> is_stale(int keeper_pid) {
  char target[PATH_MAX] = {};
  if (readlink(exe_of(keeper_pid).c_str(), target, sizeof target - 1) < 0) return std::nullopt;
  string path = target;
  if (path.ends_with(" (deleted)")) return true;
  return !same_file(exe_of(keeper_pid), path);
}

std::vector<Outcome> upgrade_keepers(const Home& home, const std::vector<Row>& rows, const string& program,
                                     const Deadline& deadline) {
  std::vector<Call> calls;
  for (const Row& row : rows) {
    calls.push_back(call_to(row.id, Upgrade{program}));
    calls.back().again = false;
  }
  Answers answers = call_all(home, calls, deadline.left());
  std::vector<Outcome> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto reply = reply_of<Upgrade>(rows[i].id, answers[i]);
    out.push_back(reply ? await_upgrade(home, rows[i], program, deadline)
                        : Outcome::failed(rows[i].id, reply.error()));
  }
  return out;
}

}  // namespace keeper
