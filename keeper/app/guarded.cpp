// A keeper and its guard: what it hands up, what it is told, and how it takes the guard's place.
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "keeper/app/keeper.hpp"
#include "protocol/home/clock.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

constexpr Millis kBothWithin{100};  // a signal to the whole group reaches both halves
constexpr Millis kLastEcho{100};
constexpr Millis kGuardAgain{1000};   // until it tries again to become the guard
constexpr Millis kStatusWithin{100};  // for the parent of a process that has ended to reap it
constexpr Millis kStatusAgain{1};
constexpr int kPutAtOnce = 64;          // words that a line has room for, whatever its limits are
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

/// All that the next keeper needs, beside what it was born with.
std::vector<HeldFd> Keeper::held_descriptors() const {
  std::vector<HeldFd> out;
  if (page_) out.push_back({"state", page_->file()});
  if (spec_file_) out.push_back({"spec", spec_file_.get()});
  const char *names[] = {"out", "err"}, *beside[] = {"out-copy", "err-copy"};
  const std::vector<int> pipes = output_->pipes(), copies = output_->copies();
  for (std::size_t i = 0; i < pipes.size(); ++i) {
    out.push_back({names[i], pipes[i]});
    out.push_back({beside[i], copies[i]});
  }
  const std::vector<int> kept = output_->kept();
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i] >= 0) out.push_back({held_kept_output(i), kept[i]});
  if (notify_) out.push_back({"notify", notify_->descriptor()});
  for (const Run& run : runs_) {
    if (run.ready && run.ready->descriptor_held() >= 0)
      out.push_back({held_name(run.id), run.ready->descriptor_held()});
    if (run.channel) out.push_back({held_channel(run.id), run.channel->descriptor()});
  }
  for (const ServedSocket& socket : sockets_)
    out.push_back({held_socket(socket.kept.number), socket.fd.get()});
  if (listeners_)
    for (const Listeners::One& one : listeners_->all())
      if (one.socket) out.push_back({Listeners::held_name(one.address.place()), one.socket.get()});
  if (watch_) out.push_back({"watch", watch_->descriptor()});
  return out;
}

std::string Keeper::held_kept_output(std::size_t log) {
  return log == 0 ? "out-kept" : "err-kept";
}

/// Before anything is spawned: it relies on it.
Done Keeper::hand_up() {
  if (!guard_) return {};
  int put = 0;
  for (const HeldFd& one : held_descriptors()) {
    if (Done done = guard_->put(one.name, one.fd); !done) return done;
    if (++put % kPutAtOnce != 0) continue;
    if (Done done = guard_->settle(); !done) return done;
  }
  return guard_->settle();
}

void Keeper::hand_up(const std::string& name, int fd) {
  if (!guard_) return;
  if (Done done = guard_->put(name, fd); !done) not_held(name, done.error().why());
}

/// Hands up once more what the guard does not hold, and forgets what is closed by now.
void Keeper::hold_again() {
  if (not_held_.empty() || !guard_) return;
  std::vector<HeldFd> all = held_descriptors();
  all.push_back({"lock", table_.lock});
  all.push_back({"socket", table_.socket});
  std::erase_if(not_held_, [&](const auto& missing) {
    return std::none_of(all.begin(), all.end(), [&](const HeldFd& one) { return one.name == missing.first; });
  });
  for (const HeldFd& one : all)
    if (not_held_.contains(one.name) && !guard_->awaits(one.name)) hand_up(one.name, one.fd);
}

/// From the entry on that was acted on last. What it brings about is recorded with it.
void Keeper::read_inbox() {
  if (!page_) return;
  const bool damaged = page_->damaged() || page_->inbox().written - inbox_ > Inbox::kEntries;
  if (damaged) {
    make_page_anew();
    persist();
    if (guard_) guard_->room();
    return on_child_signal();  // what was to be told is gone with it
  }
  Inbox& inbox = page_->inbox();
  const std::uint32_t written = inbox.written;
  const bool was_full = written - inbox.read >= Inbox::kEntries;
  bool ended = false;
  while (inbox_ != written && !leaving_as_) {
    const InboxEntry* entry = inbox.at(++inbox_);
    if (entry == nullptr) continue;
    if (entry->what == InboxEntry::signal)
      on_signal({entry->value, entry->pid == 0, entry->pid, entry->uid, true});
    else
      ended = true;
  }
  if (ended && !leaving_as_) on_child_signal();
  if (leaving_as_) return;
  persist();
  inbox.read = inbox_;
  if (was_full && guard_) guard_->room();
}

std::optional<ExitInfo> Keeper::status_in_inbox(int pid, std::uint32_t since) {
  if (!page_) return std::nullopt;
  const Inbox& inbox = page_->inbox();
  for (std::uint32_t number = inbox.written; number > since; --number) {
    const InboxEntry* entry = inbox.at(number);
    if (entry == nullptr) return std::nullopt;
    if (entry->what != InboxEntry::signal && entry->pid == pid) return exit_of(*entry);
  }
  return std::nullopt;
}

/// How a run's main process has ended; nothing while it has not, or while its parent has not reaped it: then
/// it is looked at again a moment later.
std::optional<ExitInfo> Keeper::status_of(Run& run, std::optional<Used>* used) {
  auto out = look_at_end(run.pid, run.pidfd.native_handle(), used);
  if (out && out->kind != ExitInfo::Kind::unknown) return out;
  if (auto status = status_in_inbox(run.pid, run.since)) return status;
  if (out || !has_ended(run.pidfd.native_handle())) return out;
  if (!run.seen_to_end) run.seen_to_end = steady_now();
  if (steady_now() - *run.seen_to_end >= kStatusWithin) return ExitInfo::unknown();
  if (!run.look_again) look_again(run);
  return std::nullopt;
}

void Keeper::look_again(Run& run) {
  run.look_again = std::make_unique<asio::steady_timer>(io_, kStatusAgain);
  run.look_again->async_wait([this, id = run.id](std::error_code error) {
    Run* still = error ? nullptr : find(id);
    if (still == nullptr || still->main_ended) return;
    still->look_again.reset();
    on_exit(id);
  });
}

/// A signal to the process group reaches both halves, and the guard passes on what it gets: it counts once.
/// The terminal's are taken from the guard, as long as there is one.
bool Keeper::said_by_both(const SignalFact& fact) {
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
void Keeper::on_guard_lost() {
  if (is_to_follow()) upgrades_.back() = {upgrades_.back().id, UpgradeState::failed, "guard", 0};
  guard_.reset();
  not_held_.clear();
  close(std::exchange(table_.guard, -1));
  if (!leaving_as_) become_guard();
}

/// Ends a guard that was to follow an upgrade, with all that it has started, and rolls the upgrade back. Any
/// other guard may only be suspended: that is a risk to be told of.
void Keeper::on_silent_guard() {
  if (!is_to_follow()) {
    tell_of_risk();
    return lifecycle_log_.flush();
  }
  if (getppid() == guard_->pid()) end_with_helpers(guard_->pid());
  on_guard_lost();
}

/// Whether the guard is still to follow the upgrade that this keeper came of.
bool Keeper::is_to_follow() const {
  return !upgrades_.empty() && upgrades_.back().state == UpgradeState::under_way &&
         upgrades_.back().keeper == own_pid_;
}

void Keeper::become_guard() {
  persist();
  RoleTable table = table_;
  table.next = true;
  table.held = held_descriptors();
  std::vector<std::string> environment;
  for (char** at = environ; *at != nullptr; ++at)
    environment.emplace_back(*at);
  const Fd before = std::exchange(guard_before_, {});
  const Error error = enter_role(Role::guard, table, environment, before.get());
  no_guard_ = "cannot start a guard: " + error.why();
  tell_of_risk();
  lifecycle_log_.flush();
  guard_again_.expires_after(kGuardAgain);
  guard_again_.async_wait([this](std::error_code stopped) {
    if (!stopped && !leaving_as_) become_guard();
  });
}

// --- another program file

void Keeper::handle(const Upgrade& request, const Caller&, Answer answer) {
  const std::string doing = "upgrade the keeper of " + table_.stem;
  auto refuse = [&](const std::string& why) { answer.fail({Reason::refused, doing, why, 0}); };
  char own[4096] = {};
  if (readlink("/proc/self/exe", own, sizeof own - 1) < 0) return answer.fail(system_error(doing));
  KeeperProgram now{own, KEEPER_VERSION, {}, request.id, {}, {}};
  if (!table_.failed.empty()) now.failed = why_failed();
  if (tell_upgrade(now) || !request.program) return answer.give(now);
  const bool under_way = !upgrades_.empty() && upgrades_.back().state == UpgradeState::under_way;
  if (under_way) return answer.fail({Reason::busy, doing, "another upgrade of it is under way", 0});
  if (now.id && now.id->size() > kUpgradeId) return refuse("its id is longer than 64 bytes");
  if (!guard_) return refuse("it runs without a guard; stop and start it instead");
  if (!request.program->starts_with('/')) return refuse(*request.program + " is no absolute path");
  if (access(request.program->c_str(), X_OK) < 0) return answer.fail(system_error(doing, *request.program));
  persist();
  if (const std::string why = at_risk(); !why.empty()) return refuse(why);
  if (upgrades_.size() >= kUpgrades) upgrades_.erase(upgrades_.begin());
  upgrades_.push_back({request.id.value_or(""), UpgradeState::under_way, "", 0});
  persist();
  if (Done done = guard_->renew(*request.program); !done) {
    upgrades_.pop_back();
    return answer.fail(done.error());
  }
  tell_upgrade(now);
  answer.give(now);
  gives_way_ = true;
  // The answer goes out first.
  asio::post(io_, [this] { give_way(); });
}

/// Fills in the outcome of the upgrade that a client asks about. False: that upgrade is not known.
bool Keeper::tell_upgrade(KeeperProgram& now) const {
  if (!now.id || now.id->empty()) return false;
  auto one = std::find_if(upgrades_.begin(), upgrades_.end(), [&](auto& u) { return u.id == *now.id; });
  if (one == upgrades_.end()) return false;
  now.failed.reset();
  if (one->state == UpgradeState::failed) now.failed = one->why;
  if (one->state == UpgradeState::done) now.keeper_pid = one->keeper;
  now.state = one->state;
  return true;
}

/// A word of the guard's, or the text of the errno with which it could not execute the new file.
std::string Keeper::why_failed() const {
  const int number = std::atoi(table_.failed.c_str());
  return number > 0 ? "the guard cannot execute it: " + std::string(strerror(number)) : table_.failed;
}

/// The guard says what became of the last one. A keeper that neither runs the new file nor hears why it is
/// not used follows one that did, or one that was killed before it gave way.
void Keeper::take_up_upgrades(const std::vector<KeptUpgrade>& known) {
  upgrades_ = known;
  if (upgrades_.empty()) return;
  KeptUpgrade& last = upgrades_.back();
  if (!table_.failed.empty())
    last = {last.id, UpgradeState::failed, why_failed(), 0};
  else if (last.state == UpgradeState::under_way && table_.trial)
    last.keeper = getpid();
  else if (last.state == UpgradeState::under_way && last.keeper != 0)
    last.state = UpgradeState::done;
  else if (last.state == UpgradeState::under_way)
    last = {last.id, UpgradeState::failed, "lost", 0};
}

/// A guard that is to follow an upgrade does that at this word, and reads the next one as the new program:
/// its answer is the end of the upgrade.
void Keeper::say_up() {
  guard_->up();
  if (!upgrades_.empty() && upgrades_.back().state == UpgradeState::under_way) hand_up("lock", table_.lock);
}

void Keeper::guard_follows() {
  tell_of_risk();
  lifecycle_log_.flush();
  if (!is_to_follow()) return;
  upgrades_.back().state = UpgradeState::done;
  guard_before_.reset();
  persist();
}

/// All is recorded; who is connected sees the end, and finds the next one at the same socket.
void Keeper::give_way() {
  asked_.reset();
  server_->close();
  terminal_.finish(kLastEcho);
  io_.stop();
}

}  // namespace keeper
