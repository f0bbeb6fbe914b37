// What a keeper tells people, logs and records about itself.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "keeper/app/keeper.hpp"
#include "keeper/app/memory.hpp"
#include "protocol/home/clock.hpp"
#include "protocol/home/pid_file.hpp"
#include "protocol/wire/escape.hpp"

namespace keeper {
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
  s.state = leaving_as_ ? *leaving_as_ : machine_.state();
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

/// Empty: all is well again.
void Keeper::on_log_trouble(const std::string& what, std::uint64_t dropped) {
  std::string lost = dropped > 0 ? dropped_text(dropped) : "";
  if (!what.empty())
    terminal_.notice(dropped > 0 ? what : what + "; output is kept meanwhile");
  else
    terminal_.notice("the log is written again" + (lost.empty() ? "" : "; " + lost));
  if (streams_.empty()) return;
  AppEvent event = event_now(what.empty() ? "log_well" : "log_trouble");
  event.status.reset();
  if (!what.empty() || dropped > 0) event.text = what.empty() ? lost : what;
  if (dropped > 0) event.dropped = dropped;
  streams_.send(std::move(event));
}

// --- the end

/// Returns the error of a start while somebody else has the pid file that the user asked for: who runs then
/// is not to be overwritten. A first start fails at once; a later one waits.
std::optional<SpawnError> Keeper::foreign_pid_file() const {
  auto taken = record_writer_.foreign_pid_file();
  if (!taken) return std::nullopt;
  return SpawnError{Stage::pid_file, 0, std::move(*taken), first_record_};
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
