#include "ctl/ops/fleet_state.hpp"

namespace keeper {

bool is_deaf(const Row& row) {
  return row.keeper_lives && !row.answered;
}

bool cannot_begin(const Row& row) {
  return is_deaf(row) && row.status.reason && row.status.reason->starts_with(kCannotBegin);
}

bool is_orphan(const Row& row) {
  return !row.keeper_lives && row.status.state == State::unreachable && row.status.pid;
}

bool is_stuck(const Row& row) {
  return row.answered && row.status.state == State::stopping && !row.status.survivors.empty();
}

Error stuck(const Row& row) {
  return {Reason::failed, "",
          "its last run cannot be ended: " + row.status.reason.value_or("KILL did not help") +
              "; it is started when that has ended",
          0};
}

Error deaf(const Row& row) {
  const Status& s = row.status;
  std::string why = s.reason && !s.reason->empty() ? *s.reason : "its keeper does not answer";
  if (cannot_begin(row)) why += "; 'ctl stop " + row.id.stem() + "' ends its guard and its program";
  bool silent = row.failure == Reason::timeout || row.failure == Reason::unreachable;
  if (silent && s.keeper_pid) {
    std::string pid = std::to_string(*s.keeper_pid);
    why += "; 'kill -CONT " + pid + "' wakes it if it is suspended, after 'kill -KILL " + pid +
           "' 'ctl stop " + row.id.stem() + "' ends the program";
  }
  return {Reason::unreachable, "", why, 0};
}

}  // namespace keeper
