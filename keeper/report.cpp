// What a keeper tells people, logs and records about itself.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "keeper/keeper.hpp"
#include "keeper/memory.hpp"
#include "protocol/home/clock.hpp"
#include "protocol/home/pid_file.hpp"
#include "protocol/wire/escape.hpp"

namespace keeper {
namespace {

constexpr Millis kRecordEvery{1000};
constexpr Millis kRecordRuns{50};
constexpr std::size_t kSmallReport = 16 * 1024;  // two of them fit into a pipe of default size
constexpr int kLargestPipe = 1 << 20;            // without privileges (pipe(7))
constexpr int kLastRecordTries = 3;
constexpr useconds_t kLastRecordPause = 10'000;

std::string ended_text(int pid, const action::Announce& a) {
  return "pid " + std::to_string(pid) + " " + ended_text(a.exit.value_or(ExitInfo::unknown())) + " after " +
         lived_text(a.lived);
}

}  // namespace

std::string Keeper::log_path() const {
  return spec_.log.empty() ? home_.log_path(table_.stem) : spec_.log;
}

std::string Keeper::error_log_path() const {
  return spec_.error_log == "apart" ? home_.error_log_path(table_.stem) : spec_.error_log;
}

Status Keeper::status() {
  Status s;
  s.name = spec_.name;
  if (spec_.one_of_several()) s.instance = spec_.instance;
  s.state = machine_.state();
  s.ready = machine_.ready();
  s.wanted = machine_.wanted();
  s.pid = machine_.pid();
  s.run = machine_.run();
  if (!leaving_as_) s.keeper_pid = own_pid_;
  if (!leaving_as_ && guard_) s.guard_pid = guard_->pid();
  s.command = command();
  s.cwd = spec_.cwd;
  s.user = spec_.user.substr(0, spec_.user.find(':'));
  s.started_at = started_at_;
  s.confirmed_at = confirmed_at_;
  s.stopped_at = stopped_at_;
  if (s.pid) s.uptime_ms = (steady_now() - started_).count();
  s.restarts = machine_.restarts();
  if (const auto& end = machine_.last_end()) {
    const RunRecord* record = recorder_.record_of(end->run);
    s.last_exit = LastExit{end->exit, last_exit_at_, end->lived.count(),
                           record != nullptr ? record->cause : std::string(word_for(end->cause)), end->pid};
    if (record != nullptr) s.last_exit->kill_reason = record->kill_reason;
    if (record != nullptr) s.last_exit->killed = record->killed;
    if (record != nullptr) s.last_exit->left_behind = record->left_behind;
  }
  if (auto at = machine_.next_start()) s.next = Next{"start", wall_now() + (*at - steady_now())};
  if (!machine_.spawn_error().empty()) s.spawn_error = machine_.spawn_error();
  if (!said_.status.empty()) s.status_text = said_.status;
  if (!said_.doing.empty() && s.pid) s.doing = said_.doing;
  s.waiting_for = s.state == State::starting ? machine_.waiting_for(spec_.ready) : missed_;
  std::string not_ready = missed_text_;
  if (machine_.awaits()) {
    s.waiting_for = {"connection"};
    not_ready = "no connection has come to " + listening_at();
  }
  if (s.state == State::starting)
    for (const Run& run : runs_)
      if (run.id == s.run) not_ready = unshown(run);
  if (!not_ready.empty()) s.not_ready = std::move(not_ready);
  if (!machine_.reason().empty()) s.reason = machine_.reason();
  const bool ended_well = s.last_exit && s.last_exit->exit == ExitInfo::code(0);
  if (ended_well && s.last_exit->left_behind && !machine_.ready()) {
    std::string text = "it " + ended_text(s.last_exit->exit) + " and " + *s.last_exit->left_behind;
    s.reason = s.reason ? *s.reason + "; " + text : text;
  }
  if (std::string stuck = stuck_text(); !stuck.empty()) {
    s.reason = std::move(stuck);
    s.survivors = survivors_;
  }
  if (std::string risk = at_risk(); !risk.empty()) s.at_risk = std::move(risk);
  s.cut_off = cut_off();
  for (const KeptProcess& left : left_alone_)
    if (lives(left)) s.left.push_back(left.pid);
  s.logs = output_->files();
  s.syslog = output_->syslog();
  s.version = KEEPER_VERSION;
  s.boot_id = boot_id_;
  if (s.pid) s.pid_start = pid_start_;
  return s;
}

Status Keeper::status_with_usage() {
  Status s = status();
  if (!s.pid) return s;
  if (auto usage = sampler_.sample(*s.pid, started_, steady_now())) {
    s.memory_bytes = usage->memory_bytes;
    s.cpu_percent = usage->cpu_percent;
  }
  return s;
}

// --- the log

void Keeper::marker(std::string text) {
  if (!late_marker_.empty()) markers_.push_back({wall_now(), std::exchange(late_marker_, {}), false});
  markers_.push_back({wall_now(), std::move(text), false});
}

/// Lines wait here until what they speak of is done: a restart is not to wait for the disk.
void Keeper::flush_markers() {
  for (const Marker& marker : std::exchange(markers_, {})) {
    output_->add_own(marker.text, marker.at);
    if (marker.begins_run) output_->mark_run();
  }
}

/// Empty: all is well again.
void Keeper::on_log_trouble(const std::string& what, std::uint64_t dropped) {
  std::string lost = dropped > 0 ? dropped_text(dropped) : "";
  if (!what.empty())
    say(dropped > 0 ? what : what + "; output is kept meanwhile");
  else
    say("the log is written again" + (lost.empty() ? "" : "; " + lost));
  if (streams_.empty()) return;
  AppEvent event = event_now(what.empty() ? "log_well" : "log_trouble");
  event.status.reset();
  if (!what.empty() || dropped > 0) event.text = what.empty() ? lost : what;
  if (dropped > 0) event.dropped = dropped;
  streams_.send(std::move(event));
}

void Keeper::announce_to_log(const action::Announce& a) {
  if (a.what == action::What::started) {
    output_->begin_run();
    markers_.push_back({wall_now(), "started pid " + std::to_string(a.pid), true});
  }
  if (a.what == action::What::exited)
    marker(ended_text(machine_.last_end() ? machine_.last_end()->pid : a.pid, a));
  if (a.what == action::What::spawn_failed) marker("could not start: " + a.text);
  if (a.what == action::What::cleared)
    if (const RunRecord* run = recorder_.record_of(a.run); run != nullptr && run->left_behind)
      marker("pid " + std::to_string(run->pid.value_or(0)) + " " + ended_text(*run->exit) + " and " +
             *run->left_behind);
  if (a.what == action::What::refused) marker("it cannot be ended: " + a.text);
  if (a.what == action::What::survivors)
    for (int pid : survivors_)
      marker("pid " + std::to_string(pid) + " survived KILL");
}

// --- people at a terminal

/// Never waits for whoever reads it.
void Keeper::say(const std::string& line) {
  if (notes_) notes_->write("keeper: " + escaped_lines(line) + "\n");
}

void Keeper::announce_to_terminal(const action::Announce& a) {
  if (!notes_) return;
  std::string text;
  switch (a.what) {
    case action::What::started:
      text = "started pid " + std::to_string(a.pid);
      if (output_->keeps_files() && machine_.restarts() == 0)
        text += ", log " + output_->files().front().path;
      break;
    case action::What::exited:
      text = ended_text(machine_.last_end() ? machine_.last_end()->pid : a.pid, a);
      break;
    case action::What::backoff:
      if (a.until) text = "next start in " + lived_text(*a.until - steady_now());
      break;
    case action::What::refused: text = "it cannot be ended: " + a.text; break;
    case action::What::spawn_failed:
    case action::What::killing: text = a.text; break;
    case action::What::fatal:
      if (machine_.spawn_error().empty()) text = "given up: " + a.text;
      break;
    case action::What::survivors:
      for (int pid : survivors_)
        text += (text.empty() ? "survived KILL: pid " : ", pid ") + std::to_string(pid);
      break;
    default: break;
  }
  if (!text.empty()) say(table_.stem + ": " + text);
}

// --- who waits

void Keeper::announce_to_waiting(const action::Announce& a) {
  tell_subscribers(a);
  if (a.what == action::What::reloaded || a.what == action::What::reload_failed) end_reload(a);
  switch (a.what) {
    case action::What::started:
      report_start(StartReport::Kind::spawned, 0);
      for (const Answer& answer : restart_answers_)
        answer.give(status());
      for (const Answer& answer : stop_answers_)
        answer.fail({Reason::failed, "stop " + table_.stem, "it was started again meanwhile", 0});
      restart_answers_.clear();
      stop_answers_.clear();
      forget_ = Forget::nothing;
      break;
    case action::What::confirmed: report_start(StartReport::Kind::confirmed, 0); break;
    case action::What::spawn_failed:
      for (const Answer& answer : restart_answers_)
        answer.fail({Reason::failed, "restart " + table_.stem, a.text, 0});
      restart_answers_.clear();
      break;
    case action::What::exited:
      // Before it was confirmed, or nobody would be waiting any more; a restart that somebody asked for is
      // none. Where it is given up that is said at the end, when nothing of it is left.
      if (a.cause != Cause::restart && a.cause != Cause::changed && machine_.wanted() == Wanted::up)
        report_start(StartReport::Kind::failed, 1);
      break;
    case action::What::backoff: report_start(StartReport::Kind::failed, 1); break;
    case action::What::refused:
    case action::What::survivors: tell_stuck(a); break;
    default: break;
  }
}

/// The command that waits for the start hears that it was spawned, and then how it went, and no more.
void Keeper::report_start(StartReport::Kind kind, int code) {
  if (!report_) return;
  const auto& end = machine_.last_end();
  const RunRecord* run = kind == StartReport::Kind::failed && end ? recorder_.record_of(end->run) : nullptr;
  std::string line = report_line({kind, code, status(), run != nullptr ? run->output.text : ""});
  // The command may be stopped, and does not read then: its pipe has room for the longest command line.
  if (line.size() > kSmallReport) fcntl(report_.get(), F_SETPIPE_SZ, kLargestPipe);
  for (std::string_view rest = line; !rest.empty();) {
    ssize_t put = write(report_.get(), rest.data(), rest.size());
    if (put <= 0) break;  // it was interrupted, and is gone
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  if (kind == StartReport::Kind::spawned) return;
  report_.reset();
  table_.report = -1;
  if (guard_) guard_->drop("report");
}

// --- records

/// At most once a second, but the last word always.
void Keeper::record() {
  Millis now = steady_now();
  // A new pid at once, so that a keeper that dies does not leave a program that nobody knows of; but not for
  // each of a thousand runs a second.
  const bool new_pid = machine_.pid() && machine_.pid() != recorded_pid_;
  const Millis due = recorded_at_ + (new_pid ? kRecordRuns : kRecordEvery);
  if (now >= due) {
    write_record();
    return;
  }
  if (record_due_ && *record_due_ <= due) return;
  record_due_ = due;
  record_timer_.expires_at(std::chrono::steady_clock::time_point(due));
  record_timer_.async_wait([this](std::error_code error) {
    if (error) return;
    record_due_.reset();
    if (!leaving_as_) write_record();
    give_back_memory();
  });
}

/// False where it could not be written; the next change is another chance.
bool Keeper::write_record() {
  if (nameless_) return true;  // they are another keeper's
  recorded_at_ = steady_now();
  recorded_pid_ = machine_.pid();
  Status s = status();
  if (leaving_as_) s.state = *leaving_as_;
  Done done = home_.write_status(table_.stem, s, recorder_.runs());
  if (!done) marker(done.error().text());
  return static_cast<bool>(done);
}

/// There is no next change: what passes is waited for, and a full disk has the room that the state page does
/// not need any more.
void Keeper::write_last_record() {
  for (int time = 0; time < kLastRecordTries && !write_record(); ++time) {
    if (page_) page_->give_room();
    usleep(kLastRecordPause);
  }
}

/// Whether somebody else has the pid file that the user asked for: who runs then is not to be overwritten.
std::optional<SpawnError> Keeper::foreign_pid_file() const {
  if (spec_.pid_file.empty()) return std::nullopt;
  auto owner = pid_file_owner(spec_.pid_file, &user_);
  if (!owner || std::to_string(*owner) + "\n" == pid_written_) return std::nullopt;
  // When the program ran already it is waited for; a first start is an error at once.
  return SpawnError{Stage::pid_file, 0, pid_file_taken(spec_.pid_file, *owner).text(), first_record_};
}

void Keeper::write_pid_file() {
  if (nameless_) return;
  auto pid = machine_.pid();
  std::string text = pid ? std::to_string(*pid) + "\n" : "";
  if (text == pid_written_) return;
  bool asked = !spec_.pid_file.empty();
  std::string path = asked ? spec_.pid_file : home_.pid_path(table_.stem);
  if (pid)
    say_once(asked ? keeper::write_pid_file(path, text, &user_) : write_file_atomically(path, text, false));
  else if (asked)
    remove_pid_file(path, std::atoi(pid_written_.c_str()), &user_);
  else
    unlink(path.c_str());
  pid_written_ = text;
}

/// A pid file that cannot be written stops nothing, and is not spoken of again for the same reason.
void Keeper::say_once(const Done& pid_file) {
  std::string text = pid_file ? "" : pid_file.error().text() + "; it runs without a pid file";
  if (!text.empty() && text != pid_file_error_) {
    marker(text);
    say(table_.stem + ": " + text);
  }
  pid_file_error_ = std::move(text);
}

/// The child's own, as a shell gives it; 126 or 127 for a program that could not be executed.
int Keeper::exit_code(State left_as) const {
  if (first_record_ && plan_error_ && plan_error_->stage == Stage::pid_file) return 1;
  if (first_record_ && !machine_.spawn_error().empty())
    return plan_error_ && plan_error_->errnum == ENOENT ? 127 : 126;
  if (!machine_.last_end()) return left_as == State::fatal ? 1 : 0;
  int code = shell_code(machine_.last_end()->exit);
  return left_as == State::fatal && code == 0 ? 1 : code;
}

}  // namespace keeper
