#include "ctl/fleet/outcome.hpp"

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
  if (!after.last_exit || !after.last_exit->kill_reason) return "";
  return ", by KILL: " + *after.last_exit->kill_reason;
}

}  // namespace keeper
