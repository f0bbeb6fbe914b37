#include "ctl/ops/upgrade.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "ctl/ops/call.hpp"
#include "protocol/base/clock.hpp"

namespace keeper {
namespace {

using std::string;

constexpr Millis kTakesAtMost{10'000};  // each half has 2 s, and the old one starts again after it
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

/// `word`: KeeperProgram::failed.
string failed_text(const string& word, const string& program) {
  if (word == "died") return program + " did not start as a keeper: it ended at once; the old one goes on";
  if (word == "silent") return program + " did not come up within 2 s; the old one goes on";
  if (word == "guard") return program + " did not start as a guard within 2 s; the old one goes on";
  if (word == "lost") return "its keeper was killed before it gave way; the old one goes on; try again";
  return program + ": " + word + "; the old one goes on";
}

/// One keeper that is to be upgraded.
struct Upgrading {
  Row before;
  string program;
  string id;           ///< of this upgrade, for its keepers
  bool taken = false;  ///< its keeper has answered the request
};

string make_id(std::size_t index) {
  return std::to_string(getpid()) + "-" + std::to_string(steady_now().count()) + "-" + std::to_string(index);
}

/// Whether both halves run the same file. A half that is still a wrapper script runs another one.
bool is_whole(const Status& s) {
  return s.keeper_pid && s.guard_pid && same_file(exe_of(*s.keeper_pid), exe_of(*s.guard_pid));
}

/// Whether a keeper that knows no ids has been upgraded: it runs the new file, or is of another version.
bool looks_done(const Upgrading& one, const Status& now) {
  return now.keeper_pid != one.before.status.keeper_pid &&
         (same_file(exe_of(now.keeper_pid.value_or(0)), one.program) ||
          now.version != one.before.status.version);
}

/// Nothing while it is under way.
std::optional<Outcome> outcome(const Upgrading& one, const Row& now, const KeeperProgram& says) {
  const Row& before = one.before;
  const bool old = !says.id, other = now.status.keeper_pid != before.status.keeper_pid;
  if (says.failed && (says.state == UpgradeState::failed || (old && other)))
    return Outcome::failed(before.id, {Reason::failed, "", failed_text(*says.failed, one.program), 0});
  const bool done = old ? looks_done(one, now.status) : says.state == UpgradeState::done;
  if (!now.answered || !done || !is_whole(now.status)) return std::nullopt;
  const int keeper = says.keeper_pid.value_or(*now.status.keeper_pid);
  const string& version = now.status.version;
  return Outcome::done(
      before.id, "upgraded " + before.id.stem() + ": keeper " +
                     std::to_string(before.status.keeper_pid.value_or(0)) + " -> " + std::to_string(keeper) +
                     ", version " + (version != before.status.version ? before.status.version + " -> " : "") +
                     version);
}

/// Asks for it until a keeper has answered, and then what came of it. A request that was not answered is sent
/// again: of one id an upgrade is done once.
Result<KeeperProgram> ask_for(const Home& home, Upgrading& one) {
  Call call = call_to(one.before.id, Upgrade{{}, one.id});
  if (!one.taken) call = call_to(one.before.id, Upgrade{one.program, one.id});
  call.again = one.taken;
  Result<KeeperProgram> says = reply_of<Upgrade>(one.before.id, call_all(home, {call}, kLook).front());
  if (says) one.taken = !says->id || says->state;
  return says;
}

/// Whether a keeper that said so may say something else in a moment.
bool passes(const Error& error) {
  return error.reason == Reason::busy || error.reason == Reason::full || error.reason == Reason::not_running;
}

Outcome await_upgrade(const Home& home, Upgrading& one, const Deadline& whole) {
  Error last = late("it goes on being upgraded");
  for (Deadline deadline(kTakesAtMost); !deadline.passed() && !whole.passed(); usleep(kStep)) {
    Result<KeeperProgram> says = ask_for(home, one);
    if (!says && !one.taken) last = says.error();
    if (!says && !one.taken && !passes(says.error())) break;
    if (!says || !one.taken) continue;
    last = late("it goes on being upgraded");
    for (const Row& now : look_again(home, {one.before.id}, deadline))
      if (auto out = outcome(one, now, *says)) return *out;
  }
  return Outcome::failed(one.before.id, last);
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
  std::vector<Upgrading> all;
  std::vector<Call> calls;
  for (const Row& row : rows) {
    all.push_back({row, program, make_id(all.size())});
    calls.push_back(call_to(row.id, Upgrade{program, all.back().id}));
    calls.back().again = false;
  }
  Answers answers = call_all(home, calls, deadline.left());
  std::vector<Outcome> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto reply = reply_of<Upgrade>(all[i].before.id, answers[i]);
    all[i].taken = static_cast<bool>(reply);
    out.push_back(reply || passes(reply.error()) ? await_upgrade(home, all[i], deadline)
                                                 : Outcome::failed(all[i].before.id, reply.error()));
  }
  return out;
}

}  // namespace keeper
