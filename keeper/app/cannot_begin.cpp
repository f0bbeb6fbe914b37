#include "keeper/app/cannot_begin.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/app/moved_home.hpp"
#include "keeper/app/recover.hpp"
#include "keeper/log/line_format.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/proc.hpp"

namespace keeper {
namespace {

/// As the lines around it are dressed. The spec, which knows, may be what cannot be read.
std::string own_line(char first_byte, const Status& status, const std::string& text) {
  OutBuffer out;
  if (first_byte == '{')
    JsonFormat(status.name, status.instance.value_or(-1))
        .append(out, {text, false, false}, wall_now(), LogStream::keeper, 0);
  else if (first_byte >= '0' && first_byte <= '9')
    TimeFormat().append(out, {"[keeper] " + text, false, false}, wall_now());
  else
    return "[keeper] " + time_text(wall_now()) + " " + text + "\n";
  return std::string(out.bytes());
}

/// Only into a log of this home, or of this user: a directory of another user may lead elsewhere. Not into a
/// line that the program has begun.
void say_in_log(const Home& home, const std::string& stem, const Status& status, const std::string& text) {
  const std::string path = status.logs.empty() ? home.log_path(stem) : status.logs.front().path;
  const bool own = path.starts_with(home.path() + "/logs/") || geteuid() != 0;
  Fd log(own ? open(path.c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1);
  struct stat st {};
  if (!log || fstat(log.get(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) return;
  char first = '[', last = '\n';
  if (st.st_size > 0 &&
      (pread(log.get(), &first, 1, 0) != 1 || pread(log.get(), &last, 1, st.st_size - 1) != 1))
    return;
  const std::string line = own_line(first, status, text);
  if (last == '\n' && write(log.get(), line.data(), line.size()) < 0) return;
}

}  // namespace

void note_cannot_begin(const RoleTable& table, const std::string& why) {
  const auto id = AppId::parse(table.stem);
  auto home = open_home_of(table, Home::Create::no);
  if (!home || !id || !home->is_lock_of(table.stem, table.lock)) return;
  const auto record = home->read_status(table.stem);
  const std::string reason = std::string(kCannotBegin) + why;
  if (record && record->state == State::unreachable && record->reason == reason) return;
  const int guard = table.guard >= 0 ? getppid() : 0;
  const auto run = find_unknown_run(*home, table, home->read_spec(table.stem), {});
  Status status = record ? *record : Status();
  if (run) status = status_of_found(*id, std::move(status), *run);
  for (LogFile& log : status.logs)
    if (log.path.starts_with(table.home + "/logs/"))  // the home may have been moved
      log.path.replace(0, table.home.size(), home->path());
  status.name = id->name;
  status.state = State::unreachable;
  status.wanted = Wanted::up;
  status.ready = false;
  status.reason = reason;
  status.boot_id = boot_id();
  status.version = KEEPER_VERSION;
  status.keeper_pid.reset();
  status.guard_pid.reset();
  if (guard > 0) status.guard_pid = guard;
  status.uptime_ms.reset();
  status.next.reset();
  // A failure to write this cannot be told to anybody.
  (void)home->write_status(table.stem, status, home->read_runs(table.stem));
  say_in_log(*home, table.stem, status, reason);
}

void note_stop_without_keeper(const Home& home, const std::string& stem, const StopWish& wish) {
  const auto record = home.read_status(stem);
  if (!record || record->state != State::unreachable) return;
  RunRecord run = lost_run(*record, wish.by);
  run.asked_by = wish.asker();
  run.decision = Decision{"stopped", std::nullopt, "asked for"};
  Status status = *record;
  status.state = State::stopped;
  status.wanted = Wanted::down;
  status.last_exit = LastExit{ExitInfo::unknown(), std::nullopt, 0, wish.by, record->pid};
  status.stopped_at = wall_now();
  status.pid.reset();
  status.pid_start.reset();
  status.guard_pid.reset();
  status.reason.reset();
  std::vector<RunRecord> runs = home.read_runs(stem);
  add_run(runs, std::move(run));
  (void)home.write_status(stem, status, runs);
}

}  // namespace keeper
