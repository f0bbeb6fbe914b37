#include "ctl/ops/outcome.hpp"

namespace keeper {

void Tally::add(int code) {
  if (code == exit_code::done) {
    any_done_ = true;
    return;
  }
  any_late_ = any_late_ || code == exit_code::partly;
  if (code_ == exit_code::done) code_ = code;
  alike_ = alike_ && code == code_;
}

int Tally::exit_code() const {
  if (code_ == exit_code::done) return exit_code::done;
  if (any_done_ || any_late_) return exit_code::partly;
  return alike_ ? code_ : exit_code::failed;
}

std::string force_text(const Status& after) {
  if (!after.last_exit) return "";
  const LastExit& exit = *after.last_exit;
  std::string out = exit.kill_reason ? ", by KILL: " + *exit.kill_reason : "";
  return exit.killed.empty() ? out : out + "; " + killed_text(exit.killed, exit.kill_reason.value_or(""));
}

std::string left_text(const Status& after) {
  return after.left.empty() ? "" : "; left running:" + pids_text(after.left);
}

std::string pids_text(const std::vector<int>& pids) {
  std::string out;
  for (int pid : pids)
    out += " pid " + std::to_string(pid);
  return out;
}

}  // namespace keeper
