#include "ctl/fleet/orphan.hpp"

#include <unistd.h>

#include <algorithm>

#include "ctl/fleet/orphan_end.hpp"
#include "ctl/fleet/outcome.hpp"
#include "ctl/fleet/pidfd.hpp"
#include "protocol/home/clock.hpp"
#include "protocol/home/find_run.hpp"
#include "protocol/home/pid_file.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

/// Its lock, as soon as no other command has it.
Result<Fd> lock_of(const Home& home, const std::string& stem, const Deadline& deadline) {
  while (true) {
    Millis left = deadline.left();
    auto lock = home.lock(stem, left.count() < 0 ? Home::kLockWait : std::min(Home::kLockWait, left));
    if (lock || lock.error().reason != Reason::already) return lock;
    if (home.connect_socket(stem))
      return Error{Reason::already, "", "a keeper was started for it meanwhile", 0};
    if (deadline.passed())
      return Error{Reason::timeout, "", "it took too long; another command goes on ending its program", 0};
  }
}

/// Neither a keeper nor a program of that number is spoken of any more.
void forget_keeper(Status& s) {
  s.ready = false;
  s.wanted = Wanted::down;
  s.keeper_pid.reset();
  s.guard_pid.reset();
  s.uptime_ms.reset();
  s.next.reset();
  s.reason.reset();
  s.memory_bytes.reset();
  s.cpu_percent.reset();
}

Status while_stopping(Status s) {
  forget_keeper(s);
  s.state = State::stopping;
  return s;
}

Status after_stop(Status s, std::string_view asked, const OrphanRest& rest) {
  WallTime now = wall_now();
  std::int64_t lived = s.started_at ? std::max<std::int64_t>(0, (now - *s.started_at).count()) : 0;
  forget_keeper(s);
  s.last_exit = LastExit{ExitInfo::unknown(), now, lived, std::string(asked), s.pid};
  s.last_exit->killed = rest.killed;
  s.state = State::stopped;
  s.stopped_at = now;
  s.pid.reset();
  s.pid_start.reset();
  s.survivors = rest.survivors;
  s.left = rest.left;
  return s;
}

/// The entry in its history. Nobody was its parent any more, so how it ended is unknown.
RunRecord last_run(const Status& record, std::string_view asked, const LastExit& exit) {
  RunRecord out = lost_run(record, exit.cause);
  out.ended_at = exit.at;
  out.lived_ms = exit.after_ms;
  out.killed = exit.killed;
  out.asked_by = Asker{std::string(asked), getpid(), geteuid(), passwd_name(geteuid())};
  out.decision = asked == "restart" ? Decision{"restart", 0, "asked for"}
                                    : Decision{"stopped", std::nullopt, "asked for"};
  return out;
}

Error late(const std::vector<int>& left) {
  return {Reason::timeout, "",
          "it took too long; its program has ended, and what it started has been told to:" + pids_text(left),
          0};
}

/// The end of it, with its traces. Under its lock.
Result<Status> end_and_record(const Home& home, const std::string& stem, const Status& record,
                              std::string_view asked, const Fd& pidfd, const Deadline& deadline) {
  auto spec = home.read_spec(stem);
  std::vector<RunRecord> runs = home.read_runs(stem);
  // Others are to know; it can be ended all the same where that cannot be written.
  (void)home.write_status(stem, while_stopping(record), runs);
  auto rest = end_orphan(record, pidfd, spec ? *spec : Spec{}, deadline);
  const bool lives =
      rest && std::find(rest->survivors.begin(), rest->survivors.end(), *record.pid) != rest->survivors.end();
  if (!rest || lives) (void)home.write_status(stem, record, runs);  // it is an orphan as before
  if (!rest) return rest.error();
  if (lives) return Error{Reason::failed, "", "survived KILL:" + pids_text(rest->survivors), 0};
  home.unlink_socket(stem);
  unlink(home.pid_path(stem).c_str());
  if (spec && !spec->pid_file.empty()) {
    const ActingUser user = home.acting_user(*spec);
    remove_pid_file(spec->pid_file, *record.pid, &user);
  }
  Status stopped = after_stop(record, asked, *rest);
  add_run(runs, last_run(record, asked, *stopped.last_exit));
  if (Done done = home.write_status(stem, stopped, runs); !done) return done.error();
  if (rest->late) return late(rest->left);
  return stopped;
}

}  // namespace

Result<Status> stop_orphan(const Home& home, const AppId& id, std::string_view asked,
                           const Deadline& deadline) {
  std::string stem = id.stem();
  auto lock = lock_of(home, stem, deadline);
  if (!lock) return lock.error();
  const auto written = home.read_status(stem);
  const bool stopped = written && written->state == State::stopped;
  const auto run = find_lost_run(home, id, wish_for(home.read_spec(stem), written), stopped);
  if (!run && !has_records(home, stem)) {
    (void)home.remove_app(stem);  // the lock has made its directory again
    return Error{Reason::not_running, "", "it was deleted meanwhile", 0};
  }
  if (!run && stopped) return *written;  // by another command
  if (!run && written && written->state == State::unreachable)
    (void)home.write_status(stem, after_stop(*written, asked, {}), home.read_runs(stem));
  if (!run) return Error{Reason::not_running, "", "it has ended meanwhile", 0};
  const Status record = status_of_found(id, written ? *written : Status(), *run);
  Fd pidfd = open_pidfd(run->pid);
  // Asked after the pidfd is open: from here on the number cannot become another process unseen.
  if (!pidfd || !still_runs(record)) return Error{Reason::not_running, "", "it has ended meanwhile", 0};
  return end_and_record(home, stem, record, asked, pidfd, deadline);
}

}  // namespace keeper
