#include "ctl/fleet/orphan.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ctl/fleet/pidfd.hpp"
#include "protocol/home/clock.hpp"
#include "protocol/home/pid_file.hpp"

namespace keeper {
namespace {

constexpr Millis kLockWait{500};

Done send_to_group(int pid, int signal) {
  if (kill(-pid, signal) == 0 || errno == ESRCH) return {};
  return system_error("", "signal " + signal_name(signal) + " to process group " + std::to_string(pid));
}

/// Nothing if it ended in that time; what is left until the deadline bounds the wait.
bool ends_within(const Fd& pidfd, Millis wait, const Deadline& deadline) {
  Millis left = deadline.left();
  return wait_for_end(pidfd, Deadline(left.count() < 0 ? wait : std::min(wait, left)));
}

/// Its signals one after the other, each with its time, then KILL. What is left of the group gets KILL too.
Done end_group(const Fd& pidfd, int pid, const Spec& spec, const Deadline& deadline) {
  bool ended = false;
  for (int signal : spec.stop_signal) {
    if (Done done = send_to_group(pid, signal); !done) return done;
    if (Done done = send_to_group(pid, SIGCONT); !done) return done;
    ended = ends_within(pidfd, spec.stop_timeout, deadline);
    if (ended) break;
    if (deadline.passed())
      return Error{Reason::timeout, "", "its program has not ended in time; it has been told to", 0};
  }
  if (Done done = send_to_group(pid, SIGKILL); !done) return done;
  if (ended || ends_within(pidfd, spec.kill_timeout, deadline)) return {};
  return Error{Reason::failed, "", "pid " + std::to_string(pid) + " survived KILL", 0};
}

Status after_stop(Status s) {
  WallTime now = wall_now();
  std::int64_t lived = s.started_at ? std::max<std::int64_t>(0, (now - *s.started_at).count()) : 0;
  s.last_exit = LastExit{ExitInfo::unknown(), now, lived, "stop", s.pid};
  s.state = State::stopped;
  s.wanted = Wanted::down;
  s.ready = false;
  s.stopped_at = now;
  s.pid.reset();
  s.pid_start.reset();
  s.keeper_pid.reset();
  s.guard_pid.reset();
  s.uptime_ms.reset();
  s.next.reset();
  s.reason.reset();
  s.memory_bytes.reset();
  s.cpu_percent.reset();
  return s;
}

/// The entry in its history. Nobody was its parent any more, so how it ended is unknown.
RunRecord last_run(const Status& record, const LastExit& exit) {
  RunRecord out = lost_run(record, exit.cause);
  out.ended_at = exit.at;
  out.lived_ms = exit.after_ms;
  out.asked_by = Asker{"stop", getpid(), geteuid(), passwd_name(geteuid())};
  out.decision = Decision{"stopped", std::nullopt, "asked for"};
  return out;
}

}  // namespace

Done stop_orphan(const Home& home, const AppId& id, const Deadline& deadline) {
  std::string stem = id.stem();
  auto lock = home.lock(stem, kLockWait);
  if (!lock) return lock.error();
  auto record = home.read_status(stem);
  if (!record) return record.error();
  if (!record->pid) return Error{Reason::not_running, "", "it has ended meanwhile", 0};
  Fd pidfd = open_pidfd(*record->pid);
  // Asked after the pidfd is open: from here on the number cannot become another process unseen.
  bool ours = pidfd && record->boot_id == boot_id() && process_start(*record->pid) == record->pid_start;
  if (!ours) return Error{Reason::not_running, "", "it has ended meanwhile", 0};
  auto spec = home.read_spec(stem);
  if (Done done = end_group(pidfd, *record->pid, spec ? *spec : Spec{}, deadline); !done) return done;
  home.unlink_socket(stem);
  unlink(home.pid_path(stem).c_str());
  if (spec && !spec->pid_file.empty()) remove_pid_file(spec->pid_file, *record->pid);
  std::vector<RunRecord> runs = home.read_runs(stem);
  Status stopped = after_stop(*record);
  add_run(runs, last_run(*record, *stopped.last_exit));
  return home.write_status(stem, stopped, runs);
}

}  // namespace keeper
