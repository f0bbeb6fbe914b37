// A reload: a new run beside the old one, and what the app is configured with from then on.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>

#include "keeper/app/keeper.hpp"
#include "keeper/app/spec_backup.hpp"
#include "keeper/app/stale_request.hpp"
#include "keeper/child/account.hpp"
#include "keeper/core/output_tail.hpp"
#include "protocol/home/proc.hpp"
#include "protocol/wire/line_buffer.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

/// Whether a start that fails with this errno may work a moment later.
bool passes(int error) {
  constexpr std::array moment = {EMFILE, ENFILE, ENOMEM, EIO};
  return std::find(moment.begin(), moment.end(), error) != moment.end();
}

/// What a keeper has set up once, for good: of another value it hears at its next start.
bool stays(string_view field) {
  constexpr std::array others = {string_view("name"),       string_view("instance"), string_view("instances"),
                                 string_view("guard"),      string_view("pid_file"), string_view("error_log"),
                                 string_view("environment")};
  return field.starts_with("log") || std::find(others.begin(), others.end(), field) != others.end();
}

/// `spec`, but with what a living keeper cannot change as it is in `now`.
Spec applicable(Spec spec, const Spec& now) {
  for (const Field& field : spec_fields())
    if (stays(field.name)) field.copy(now, spec);
  return spec;
}

std::vector<string> differences(const Spec& before, const Spec& after) {
  std::vector<string> out = spec_differences(before, after);
  for (string& line : out) {
    const string name = line.substr(0, line.find(':'));
    if (stays(name) && name != "environment") line += " (when it is stopped and started)";
  }
  return out;
}

/// When a file was written last, in nanoseconds.
std::int64_t written_at(const struct stat& st) {
  return st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec;
}

std::optional<std::int64_t> written_at(const string& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) return std::nullopt;
  return written_at(st);
}

}  // namespace

// --- the request

/// It was done already: this is asked again.
bool Keeper::is_reloaded(const ReloadRun& request) const {
  if (!request.run || *request.run == machine_.run() || !machine_.pid()) return false;
  const auto& end = machine_.last_end();
  const bool ended = end && end->run == *request.run && end->cause == Cause::reload;
  const auto& leaving = machine_.snapshot().leaving;
  return ended || std::any_of(leaving.begin(), leaving.end(), [&](const Life& life) {
           return life.run == *request.run && life.ending == Cause::reload;
         });
}

/// It is being done already.
bool Keeper::is_reloading(const ReloadRun& request) const {
  const Snapshot& machine = machine_.snapshot();
  const bool under_way = machine.reload_waiting || (machine.incoming && machine.incoming->for_reload);
  return request.run && *request.run == machine_.run() && under_way;
}

void Keeper::handle(const ReloadRun& request, const Caller& caller, Answer answer) {
  const string doing = "reload " + table_.stem;
  if (is_reloaded(request)) return answer.give(Reloaded{status(), {}, {}, {}});
  if (is_reloading(request)) return waiters_.reload(std::move(answer));
  if (outdated(request, machine_.run(), doing, answer)) return;
  if (machine_.snapshot().incoming)
    return answer.fail({Reason::busy, doing, "another reload of it is under way", 0});
  if (Run* old = find(machine_.run());
      old != nullptr && !may_signal_main(*old))  // it would stay beside the new one
    return answer.fail({Reason::failed, doing, not_permitted_text({old->pid}), 0});
  constexpr std::uint64_t kMost = 24 * 3'600'000;
  const Millis canary(std::min(request.canary_ms.value_or(0), kMost));
  if (Done done = take_spec(request.spec, true); !done) return answer.fail(done.error());
  waiters_.reload(std::move(answer));
  tell_for(asker_of("reload", caller), event::Reload{canary});
}

// --- the spec

void Keeper::handle(const Scale& request, const Caller&, Answer answer) {
  const string doing = "scale " + table_.stem;
  if (request.instances < 1 || request.instances > kMostInstances)
    return answer.fail(
        {Reason::invalid, doing, "there are from 1 to " + std::to_string(kMostInstances) + " instances", 0});
  spec_.instances = request.instances;
  output_->rename();
  record_writer_.note_change();
  if (Done done = record_instances(); !done) return answer.fail(done.error());
  answer.give(status());
}

/// In the spec on disk, whoever wrote that and whether it is used yet.
Done Keeper::record_instances() {
  auto recorded = home_.read_spec(table_.stem);
  if (!recorded) return recorded.error();
  if (recorded->instances == spec_.instances) return {};
  const bool used = written_at(home_.spec_path(table_.stem)) == spec_written_;
  recorded->instances = spec_.instances;
  if (Done done = home_.write_spec(table_.stem, *recorded); !done) return done;
  if (used) note_spec();
  return {};
}

/// As it is in the record: with its environment, which this process has as its own.
Spec Keeper::whole_spec() const {
  Spec out = spec_;
  for (char** at = environ; *at != nullptr; ++at)
    out.environment.emplace_back(*at);
  return out;
}

/// What is asked for, or what stands in the record by now, is what it is configured with from the next run
/// on. `take_back`: that of before is kept beside it until it is known how the new run does. Errors: another
/// app's spec, an address that cannot be had, and, where there is nothing to take back, a spec that no run
/// can be started with; then nothing has changed.
Done Keeper::take_spec(const std::optional<Spec>& wanted, bool take_back) {
  go_along_with_home();
  waiters_.note_changes({});
  const auto written = written_at(home_.spec_path(table_.stem));
  if (!wanted && (!written || written == spec_written_)) return take_back ? Done() : may_end(spec_, environ);
  const Spec before = whole_spec();
  auto read = wanted ? Result<Spec>(*wanted) : home_.read_spec(table_.stem);
  if (!read) return read.error();
  Spec& after = *read;
  std::erase_if(after.environment, [](const string& variable) { return !passed_on(variable); });
  if (after.name != before.name || after.instance != before.instance)
    return Error{Reason::invalid, "change the spec of " + table_.stem,
                 "this one is of " + file_stem(after.name, after.instance), 0};
  // Edited by hand: the ids are still those of the user before.
  if (after.user != before.user && after.run_as == before.run_as) {
    const auto account = find_local_account(after.user);
    if (!account)
      return Error{Reason::refused, "run " + table_.stem + " as " + after.user,
                   "it is not in /etc/passwd; a name service is asked by 'ctl start' alone, after 'ctl stop'",
                   0};
    after.run_as = account_text(*account);
  }
  std::vector<const char*> variables;
  for (const string& variable : after.environment)
    variables.push_back(variable.c_str());
  variables.push_back(nullptr);
  if (Done done = take_back ? Done() : may_end(after, variables.data()); !done) return done;
  spec_written_ = written;
  auto changes = differences(before, after);
  if (changes.empty()) return {};
  waiters_.note_changes(std::move(changes));
  if (!listeners_ && !after.listen.empty()) listeners_ = std::make_unique<Listeners>(&user_);
  if (listeners_) {
    listeners_->want(after.listen);
    if (Done done = listeners_->open_missing(); !done) {
      listeners_->want(before.listen);
      listeners_->drop_others();
      return done;
    }
    hand_up_listeners();
  }
  if (!take_back) confirm_first_record(home_, table_.stem);  // of a reload that this one overtakes
  // Hand-edited, the old one is not in any file any more.
  if (!wanted && take_back)
    if (Done done = home_.write_spec(table_.stem, before); !done) return done;
  Done done =
      take_back ? write_first_record(home_, table_.stem, after) : home_.write_spec(table_.stem, after);
  if (!done) return done;
  apply_spec(std::move(after));
  if (!take_back) drop_old_listeners();
  return {};
}

/// A run that works is not ended for one that cannot be started. What passes (scarce descriptors, memory) is
/// no reason: the old run may be what takes them.
Done Keeper::may_end(const Spec& spec, const char* const* inherited) const {
  const auto pid = machine_.wanted() == Wanted::up ? machine_.pid() : std::nullopt;
  const Done done = pid ? check_start(spec, inherited) : Done();
  if (done || passes(done.error().errnum)) return {};
  return Error{Reason::refused, "restart " + table_.stem,
               done.error().text() + "; pid " + std::to_string(*pid) + " runs on", 0};
}

void Keeper::drop_old_listeners() {
  for (const string& place : listeners_ ? listeners_->drop_others() : std::vector<string>())
    if (guard_) guard_->drop(Listeners::held_name(place));
}

/// What was written for a reload stays.
void Keeper::keep_spec() {
  confirm_first_record(home_, table_.stem);
  drop_old_listeners();
}

/// The old run goes on, with what it was configured with.
void Keeper::put_back_spec() {
  if (!undo_first_record(home_, table_.stem, false)) return;
  auto before = home_.read_spec(table_.stem);
  if (!before) return lifecycle_log_.add(before.error().text());
  if (listeners_) listeners_->want(before->listen);
  drop_old_listeners();
  apply_spec(std::move(*before));
  if (Done done = record_instances(); !done) lifecycle_log_.add(done.error().text());
}

/// Half of it is not to be used.
void Keeper::apply_spec(Spec spec) try {
  std::vector<string> variables = std::exchange(spec.environment, {});
  plan_.reset();  // it points into what changes now
  spec_ = applicable(std::move(spec), spec_);
  note_user();
  take_environment(std::move(variables));
  machine_.set_policy(make_policy(spec_, machine_.policy().jitter_seed));
  if (!notify_) {
    if (Done done = listen_to_program("", {}); !done) lifecycle_log_.add(done.error().text());
    if (notify_) hand_up("notify", notify_->descriptor());
  }
  note_spec();
} catch (const std::bad_alloc&) {
  begin_afresh();
  throw;
}

/// The program's user may be another one from the next run on, and the home another directory.
void Keeper::note_user() {
  user_ = home_.acting_user(spec_);
}

/// What its user came to, in the record as well. A spec that was edited meanwhile is left as it is: its user
/// is looked up when it is taken.
void Keeper::record_user() {
  if (written_at(home_.spec_path(table_.stem)) != spec_written_) return;
  if (Done done = home_.write_spec(table_.stem, whole_spec()); !done)
    return lifecycle_log_.add(done.error().text());
  note_spec();
}

/// The spec that is used is the one that stands in the record now.
void Keeper::note_spec() {
  auto file = home_.open_spec(table_.stem);
  if (!file) return;  // it is used all the same, and written again
  use_spec_file(home_.private_spec(table_.stem, std::move(*file)));
  hand_up("spec", spec_file_.get());
}

/// Whoever comes next goes on with that file, whatever became of its name.
void Keeper::use_spec_file(Fd file) {
  spec_file_ = std::move(file);
  struct stat st {};
  spec_written_.reset();
  if (fstat(spec_file_.get(), &st) == 0) spec_written_ = written_at(st);
}

/// This process's own environment is what its program inherits. Mostly it is this one already.
void Keeper::take_environment(std::vector<string> variables) {
  std::size_t same = 0;
  while (environ[same] != nullptr && same < variables.size() && variables[same] == environ[same])
    ++same;
  if (environ[same] == nullptr && same == variables.size()) return;
  variables_ = std::move(variables);
  environ_.clear();
  for (string& variable : variables_)
    environ_.push_back(variable.data());
  environ_.push_back(nullptr);
  environ = environ_.data();
}

}  // namespace keeper
