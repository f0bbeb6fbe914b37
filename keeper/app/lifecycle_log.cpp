#include "keeper/app/lifecycle_log.hpp"

#include "protocol/base/clock.hpp"

namespace keeper {

std::string end_text(const Machine& machine, const action::Announce& a) {
  const int pid = machine.last_end() ? machine.last_end()->pid : a.pid;
  return "pid " + std::to_string(pid) + " " + ended_text(a.exit.value_or(ExitInfo::unknown())) + " after " +
         lived_text(a.lived);
}

void LifecycleLog::add(std::string text) {
  if (!late_.empty()) lines_.push_back({wall_now(), std::exchange(late_, {})});
  lines_.push_back({wall_now(), std::move(text)});
}

void LifecycleLog::look_for_line_start() {
  if (!late_.empty() && output_->at_line_start()) add(std::exchange(late_, {}));
}

void LifecycleLog::flush() {
  for (const Line& line : std::exchange(lines_, {})) {
    output_->add_own(line.text, line.at);
    if (line.begins_run) output_->mark_run();
  }
}

void LifecycleLog::announced(const action::Announce& a) {
  switch (a.what) {
    case action::What::started:
      output_->begin_run();
      lines_.push_back({wall_now(), "started pid " + std::to_string(a.pid), true});
      break;
    case action::What::exited: add(end_text(machine_, a)); break;
    case action::What::spawn_failed: add("could not start: " + a.text); break;
    case action::What::cleared:
      if (const RunRecord* run = recorder_.record_of(a.run); run != nullptr && run->left_behind)
        add("pid " + std::to_string(run->pid.value_or(0)) + " " + ended_text(*run->exit) + " and " +
            *run->left_behind);
      break;
    case action::What::refused: add("it cannot be ended: " + a.text); break;
    case action::What::survivors:
      for (int pid : survivors_)
        add("pid " + std::to_string(pid) + " survived KILL");
      break;
    default: break;
  }
}

}  // namespace keeper
