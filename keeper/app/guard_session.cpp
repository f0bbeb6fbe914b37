#include "keeper/app/guard_session.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "keeper/app/control_plane.hpp"
#include "keeper/app/end_watcher.hpp"
#include "keeper/app/fd_store.hpp"
#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/risk.hpp"
#include "keeper/app/state_journal.hpp"
#include "keeper/app/terminal.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/wire/exit.hpp"

namespace keeper {
namespace {

constexpr Millis kBothWithin{100};  // a signal to the whole group reaches both halves
constexpr Millis kLastEcho{100};
constexpr Millis kGuardAgain{1000};     // until it tries again to become the guard
constexpr std::size_t kUpgrades = 4;    // whose outcome is remembered
constexpr std::size_t kUpgradeId = 64;  // bytes

ExitInfo exit_of(const InboxEntry& entry) {
  if (entry.what == InboxEntry::exited) return ExitInfo::code(entry.value);
  return ExitInfo::signal(entry.value, entry.what == InboxEntry::dumped);
}

/// Ends a guard that is a script and hangs, with the processes that it has started: they have the role among
/// their variables. This process, its keeper, is left out.
void end_with_helpers(int guard) {
  std::vector<int> found = {guard};
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::vector<int> below;
    add_children(found[i], 0, below);
    for (int pid : below)
      if (pid != getpid() && variable_in(environment_of(pid), "KEEPER_ROLE")) found.push_back(pid);
  }
  for (int pid : found)
    ::kill(pid, SIGKILL);
}

}  // namespace

GuardSession::GuardSession(App& app, Events& events, const With& with)
    : app_(app), events_(events), with_(with), again_(app.io) {
  if (app_.table.guard < 0) return;
  guard_ = std::make_unique<GuardLink>(app_.io, app_.table.guard,
                                       GuardHooks{[this] { read_inbox(); }, [this] { on_lost(); },
                                                  [this](const std::string& name, GuardWord::Kept kept) {
                                                    with_.store.note_answer(name, kept);
                                                  },
                                                  [this] { on_settled(); }, [this] { on_silent(); }});
  app_.guard_pid = guard_->pid();
  with_.store.use(guard_.get());
  if (!app_.table.trial) return;
  guard_before_ = Fd(open(("/proc/" + std::to_string(guard_->pid()) + "/exe").c_str(), O_PATH | O_CLOEXEC));
}

GuardSession::~GuardSession() = default;

void GuardSession::skip_inbox() {
  if (!with_.journal.page()) return;
  Inbox& inbox = with_.journal.page()->inbox();
  inbox_ = inbox.read = inbox.written.load();
}

void GuardSession::read_inbox() {
  if (!with_.journal.page()) return;
  const bool damaged =
      with_.journal.page()->damaged() || with_.journal.page()->inbox().written - inbox_ > Inbox::kEntries;
  if (damaged) {
    with_.journal.rewrite(inbox_);
    with_.journal.save();
    if (guard_) guard_->room();
    return with_.ends.look();  // what was to be told is gone with it
  }
  Inbox& inbox = with_.journal.page()->inbox();
  const std::uint32_t written = inbox.written;
  const bool was_full = written - inbox.read >= Inbox::kEntries;
  bool ended = false;
  while (inbox_ != written && !app_.leaving_as) {
    const InboxEntry* entry = inbox.at(++inbox_);
    if (entry == nullptr) continue;
    if (entry->what == InboxEntry::signal)
      events_.signalled({entry->value, entry->pid == 0, entry->pid, entry->uid, true});
    else
      ended = true;
  }
  if (ended && !app_.leaving_as) with_.ends.look();
  if (app_.leaving_as) return;
  with_.journal.save();
  inbox.read = inbox_;
  if (was_full && guard_) guard_->room();
}

std::optional<ExitInfo> GuardSession::exit_status(int pid, std::uint32_t since) const {
  if (!with_.journal.page()) return std::nullopt;
  const Inbox& inbox = with_.journal.page()->inbox();
  for (std::uint32_t number = inbox.written; number > since; --number) {
    const InboxEntry* entry = inbox.at(number);
    if (entry == nullptr) return std::nullopt;
    if (entry->what != InboxEntry::signal && entry->pid == pid) return exit_of(*entry);
  }
  return std::nullopt;
}

/// A signal to the process group reaches both halves, and the guard passes on what it gets. The terminal's
/// are taken from the guard, as long as there is one.
bool GuardSession::is_told_twice(const SignalFact& fact) {
  if (!guard_) return false;
  if (!fact.passed_on && fact.from_terminal) return true;
  const Heard now{fact.number, fact.pid, fact.passed_on, steady_now()};
  const Heard before = std::exchange(heard_, now);
  const bool same = before.number == now.number && before.pid == now.pid &&
                    before.passed_on != now.passed_on && now.at - before.at < kBothWithin;
  if (same) heard_ = {};
  return same;
}

/// Takes the place of the guard. An upgrade that the guard was to follow is rolled back.
void GuardSession::on_lost() {
  if (is_to_follow()) upgrades_.back() = {upgrades_.back().id, UpgradeState::failed, "guard", 0};
  with_.store.use(nullptr);
  guard_.reset();
  app_.guard_pid = 0;
  close(std::exchange(app_.table.guard, -1));
  if (!app_.leaving_as) become_guard();
}

/// Ends a guard that was to follow an upgrade, with all that it has started, and rolls the upgrade back. Any
/// other guard may only be suspended: that is a risk to be told of.
void GuardSession::on_silent() {
  if (!is_to_follow()) {
    with_.risk.update();
    return with_.log.flush();
  }
  if (getppid() == guard_->pid()) end_with_helpers(guard_->pid());
  on_lost();
}

/// Whether the guard is still to follow the upgrade that this keeper came from.
bool GuardSession::is_to_follow() const {
  return !upgrades_.empty() && upgrades_.back().state == UpgradeState::under_way &&
         upgrades_.back().keeper == app_.own_pid;
}

void GuardSession::become_guard() {
  with_.journal.save();
  RoleTable table = app_.table;
  table.next = true;
  table.held = with_.store.all();
  std::vector<std::string> environment;
  for (char** at = environ; *at != nullptr; ++at)
    environment.emplace_back(*at);
  const Fd before = std::exchange(guard_before_, {});
  const Error error = enter_role(Role::guard, table, environment, before.get());
  with_.risk.note_guard("cannot start a guard: " + error.why());
  with_.risk.update();
  with_.log.flush();
  again_.expires_after(kGuardAgain);
  again_.async_wait([this](std::error_code stopped) {
    if (!stopped && !app_.leaving_as) become_guard();
  });
}

/// Whether the keeper may be replaced by the program of the request. Errors: busy, refused, not executable.
Done GuardSession::check_upgrade(const Upgrade& request, const std::string& doing) const {
  auto refuse = [&](const std::string& why) { return Error{Reason::refused, doing, why, 0}; };
  const bool under_way = !upgrades_.empty() && upgrades_.back().state == UpgradeState::under_way;
  if (under_way) return Error{Reason::busy, doing, "another upgrade of it is under way", 0};
  if (request.id && request.id->size() > kUpgradeId) return refuse("its id is longer than 64 bytes");
  if (!guard_) return refuse("it runs without a guard; stop and start it instead");
  if (!request.program->starts_with('/')) return refuse(*request.program + " is no absolute path");
  if (access(request.program->c_str(), X_OK) < 0) return system_error(doing, *request.program);
  with_.journal.save();
  if (const std::string why = with_.risk.text(); !why.empty()) return refuse(why);
  return {};
}

void GuardSession::upgrade(const Upgrade& request, const Answer& answer) {
  const std::string doing = "upgrade the keeper of " + app_.stem();
  char own[4096] = {};
  if (readlink("/proc/self/exe", own, sizeof own - 1) < 0) return answer.fail(system_error(doing));
  KeeperProgram now{own, KEEPER_VERSION, {}, request.id, {}, {}};
  if (!app_.table.failed.empty()) now.failed = failure();
  if (describe_upgrade(now) || !request.program) return answer.give(now);
  if (Done done = check_upgrade(request, doing); !done) return answer.fail(done.error());
  if (upgrades_.size() >= kUpgrades) upgrades_.erase(upgrades_.begin());
  upgrades_.push_back({request.id.value_or(""), UpgradeState::under_way, "", 0});
  with_.journal.save();
  if (Done done = guard_->renew(*request.program); !done) {
    upgrades_.pop_back();
    return answer.fail(done.error());
  }
  describe_upgrade(now);
  answer.give(now);
  app_.gives_way = true;
  // The answer goes out first.
  asio::post(app_.io, [this] { leave_for_upgrade(); });
}

/// Fills in the outcome of the upgrade that a client asks about. Returns false if that upgrade is not known.
bool GuardSession::describe_upgrade(KeeperProgram& now) const {
  if (!now.id || now.id->empty()) return false;
  auto one = std::find_if(upgrades_.begin(), upgrades_.end(), [&](auto& u) { return u.id == *now.id; });
  if (one == upgrades_.end()) return false;
  now.failed.reset();
  if (one->state == UpgradeState::failed) now.failed = one->why;
  if (one->state == UpgradeState::done) now.keeper_pid = one->keeper;
  now.state = one->state;
  return true;
}

/// Returns the guard's word for the failure, or the text of the errno with which it could not execute the new
/// file.
std::string GuardSession::failure() const {
  const int number = std::atoi(app_.table.failed.c_str());
  return number > 0 ? "the guard cannot execute it: " + std::string(strerror(number)) : app_.table.failed;
}

/// The guard says what became of the last upgrade. A keeper that neither runs the new file nor hears why it
/// is not used follows one that did, or one that was killed before it handed over.
void GuardSession::restore(const KeptState& state) {
  inbox_ = state.inbox;
  upgrades_ = state.upgrades;
  if (upgrades_.empty()) return;
  KeptUpgrade& last = upgrades_.back();
  if (!app_.table.failed.empty())
    last = {last.id, UpgradeState::failed, failure(), 0};
  else if (last.state == UpgradeState::under_way && app_.table.trial)
    last.keeper = app_.own_pid;
  else if (last.state == UpgradeState::under_way && last.keeper != 0)
    last.state = UpgradeState::done;
  else if (last.state == UpgradeState::under_way)
    last = {last.id, UpgradeState::failed, "lost", 0};
}

/// A guard that is to follow an upgrade does that at this message, and reads the next one as the new program:
/// its answer is the end of the upgrade.
void GuardSession::say_up() {
  if (!guard_) return;
  guard_->up();
  if (!upgrades_.empty() && upgrades_.back().state == UpgradeState::under_way)
    with_.store.put("lock", app_.table.lock);
}

void GuardSession::on_settled() {
  with_.risk.update();
  with_.log.flush();
  if (!is_to_follow()) return;
  upgrades_.back().state = UpgradeState::done;
  guard_before_.reset();
  with_.journal.save();
}

/// All is recorded. Clients see the end of their connections, and find the successor at the same socket.
void GuardSession::leave_for_upgrade() {
  with_.control.close();
  with_.terminal.finish(kLastEcho);
  app_.io.stop();
}

void GuardSession::describe(Status& status) {
  if (!app_.leaving_as && guard_) status.guard_pid = guard_->pid();
}

void GuardSession::save(KeptState& state) const {
  state.inbox = inbox_;
  state.upgrades = upgrades_;
}

}  // namespace keeper
