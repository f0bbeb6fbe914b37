#include "keeper/app/status_builder.hpp"

#include "keeper/app/runs.hpp"
#include "protocol/base/clock.hpp"

namespace keeper {

Status StatusBuilder::status() {
  Status s;
  s.name = app_.spec.name;
  if (app_.spec.one_of_several()) s.instance = app_.spec.instance;
  s.state = app_.leaving_as ? *app_.leaving_as : app_.machine.state();
  s.ready = app_.machine.ready();
  s.wanted = app_.machine.wanted();
  s.pid = app_.machine.pid();
  s.run = app_.machine.run();
  if (!app_.leaving_as) s.keeper_pid = app_.own_pid;
  s.cwd = app_.spec.cwd;
  s.user = app_.spec.user.substr(0, app_.spec.user.find(':'));
  s.restarts = app_.machine.restarts();
  s.version = KEEPER_VERSION;
  s.boot_id = app_.boot_id;
  if (auto at = app_.machine.next_start()) s.next = Next{"start", wall_now() + (*at - steady_now())};
  if (!app_.machine.spawn_error().empty()) s.spawn_error = app_.machine.spawn_error();
  for (Part* part : parts_)
    if (part != this) part->describe(s);
  describe_last_end(s);
  describe_reason(s);
  return s;
}

void StatusBuilder::describe_last_end(Status& s) const {
  const auto& end = app_.machine.last_end();
  if (!end) return;
  const RunRecord* record = app_.recorder.record_of(end->run);
  s.last_exit = LastExit{end->exit, runs_.last_exit_at(), end->lived.count(),
                         record != nullptr ? record->cause : std::string(word_for(end->cause)), end->pid};
  if (record == nullptr) return;
  s.last_exit->kill_reason = record->kill_reason;
  s.last_exit->killed = record->killed;
  s.last_exit->left_behind = record->left_behind;
}

void StatusBuilder::describe_reason(Status& s) const {
  if (!app_.machine.reason().empty()) s.reason = app_.machine.reason();
  const bool ended_well = s.last_exit && s.last_exit->exit == ExitInfo::code(0);
  if (ended_well && s.last_exit->left_behind && !app_.machine.ready()) {
    std::string text = "it " + ended_text(s.last_exit->exit) + " and " + *s.last_exit->left_behind;
    s.reason = s.reason ? *s.reason + "; " + text : text;
  }
  std::string stuck = stuck_text();
  if (stuck.empty()) return;
  s.reason = std::move(stuck);
  s.survivors = runs_.survivors();
}

Status StatusBuilder::status_with_usage() {
  Status s = status();
  if (!s.pid) return s;
  if (auto usage = sampler_.sample(*s.pid, runs_.current().began, steady_now())) {
    s.memory_bytes = usage->memory_bytes;
    s.cpu_percent = usage->cpu_percent;
  }
  return s;
}

std::string StatusBuilder::stuck_text() const {
  std::string out = app_.machine.stuck();
  if (out != Machine::kSurvived) return out;
  out = "survived KILL:";
  for (int pid : runs_.survivors())
    out += " pid " + std::to_string(pid);
  return out;
}

}  // namespace keeper
