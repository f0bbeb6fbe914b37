#include "keeper/cli/launch.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "keeper/app/cannot_begin.hpp"
#include "keeper/app/print_error.hpp"
#include "keeper/app/spec_backup.hpp"
#include "keeper/app/start_report.hpp"
#include "keeper/app/stop_wish.hpp"
#include "keeper/cli/app_name.hpp"
#include "keeper/cli/complete_spec.hpp"
#include "keeper/cli/descriptor_need.hpp"
#include "keeper/cli/name_lock.hpp"
#include "keeper/survive/role.hpp"
#include "keeper/watch/signals.hpp"
#include "protocol/base/escape.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/find_run.hpp"
#include "protocol/store/home.hpp"

namespace keeper {
namespace {

using std::string;

void say_differences(const Home& home, const Spec& spec) {
  auto before = home.read_spec(file_stem(spec.name, spec.instance));
  if (!before) return;
  for (const string& line : spec_differences(*before, spec))
    std::fprintf(stderr, "keeper: %s: %s\n", file_stem(spec.name, spec.instance).c_str(),
                 escaped(line).c_str());
}

/// A path of a file: a device or a FIFO all instances may share.
bool is_log_file(const string& log) {
  struct stat st {};
  return log.starts_with('/') && (stat(log.c_str(), &st) < 0 || S_ISREG(st.st_mode));
}

struct Ready {
  RoleTable table;
  Fd lock;
  Fd socket;
  Started started;
};

Result<Ready> make_ready(const Home& home, const Spec& spec, Claim claimed, bool write_spec) {
  string stem = claimed.id.stem();
  if (write_spec)
    if (Done done = write_first_record(home, stem, spec); !done) {
      if (claimed.fresh) undo_first_record(home, stem, true);
      return done.error();
    }
  auto socket = home.bind_socket(stem);
  if (!socket) {
    if (write_spec) undo_first_record(home, stem, claimed.fresh);
    return socket.error();
  }
  Ready out;
  out.table.home = out.started.home = home.path();
  out.table.stem = out.started.stem = stem;
  out.table.lock = claimed.lock.get();
  out.table.socket = socket->get();
  out.table.fresh = claimed.fresh;
  out.lock = std::move(claimed.lock);
  out.socket = std::move(*socket);
  return out;
}

/// Of all processes the keeper and its guard are the last to be ended when memory is short, where that is
/// permitted (proc_pid_oom_score_adj(5)). What it was before; nothing where it stays.
std::optional<int> lower_oom_score() {
  constexpr const char* path = "/proc/self/oom_score_adj";
  constexpr int low = -900;
  char text[16] = {};
  if (read_proc(path, text, sizeof text - 1) <= 0) return std::nullopt;
  const int before = std::atoi(text);
  if (before <= low) return std::nullopt;
  Fd file(open(path, O_WRONLY | O_CLOEXEC));
  const string wanted = std::to_string(low);
  if (!file || write(file.get(), wanted.data(), wanted.size()) < 0) return std::nullopt;
  return before;
}

/// Returns only if it could not be done.
Error become(RoleTable& table, const Spec& spec) {
  own_all_signals();
  table.oom_score_adj = lower_oom_score();
  table.caller = callers_own();
  return enter_role(spec.guard ? Role::guard : Role::keeper, table, spec.environment);
}

/// A process of its own: no terminal, no descriptor of the caller's.
Result<Fd> start_detached(Ready& ready, const Spec& spec) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) < 0) return system_error("start a keeper", "pipe");
  Fd reading(ends[0]), writing(ends[1]);
  pid_t pid = fork();
  if (pid < 0) return system_error("start a keeper", "fork");
  if (pid > 0) return reading;
  setsid();
  if (chdir("/") < 0) _exit(1);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    dup2(null, fd);
  ready.table.report = writing.get();
  // The keeper's own environment is the caller's, without what a child must not see either.
  Error error = become(ready.table, spec);
  StartReport report;
  report.status.spawn_error = error.text();
  std::string line = report_line(report);
  _exit(write(writing.get(), line.data(), line.size()) < 0 ? 2 : 1);
}

/// It never became a keeper: the app is as it was before. Under its lock.
int take_back(const Home& home, const Ready& ready, const Error& error) {
  home.unlink_socket(ready.table.stem);
  undo_first_record(home, ready.table.stem, ready.table.fresh);
  return complain(error);
}

/// The keeper has them now.
void hand_over(Ready& ready) {
  ready.lock.reset();
  ready.socket.reset();
}

/// Descriptors do not outlive the keeper that was given them. Nothing where none were asked for.
std::optional<Error> lost_descriptors(const string& stem, const Spec& spec) {
  if (spec.inherit_fds.empty()) return std::nullopt;
  string numbers;
  for (int fd : spec.inherit_fds)
    numbers += (numbers.empty() ? "" : ",") + std::to_string(fd);
  return Error{Reason::refused, "start " + stem,
               "its descriptors (--inherit-fds " + numbers +
                   ") belong to the shell that started it; start it again from there, with keeper -n " + stem,
               0};
}

/// A program that lives on is kept on by who asks for the same one.
std::optional<Error> other_program(const Home& home, const Spec& spec, const Claim& claimed) {
  const string stem = claimed.id.stem();
  auto before = home.read_spec(stem);
  if (!claimed.adopts || (before && same_program(*before, spec) && before->args == spec.args))
    return std::nullopt;
  return Error{Reason::already, "start " + stem,
               "another program of that name runs on as pid " + std::to_string(*claimed.adopts) +
                   ", whose keeper was killed; 'ctl start " + stem + "' keeps it on, --replace ends it first",
               0};
}

/// Adds the remedy to the error of a record that cannot be read.
Error unreadable_spec(const Claim& claimed, Error error) {
  const string stem = claimed.id.stem();
  const string anew =
      "'keeper -d -n " + claimed.id.name + " PROGRAM' defines it anew, 'ctl delete " + stem + "' forgets it";
  const string why = error.why();
  error = {error.reason, error.doing, why + "; " + anew, 0};
  if (claimed.adopts)
    error.about = why + "; its program runs on as pid " + std::to_string(*claimed.adopts) + ", 'ctl stop " +
                  stem + "' ends it; then " + anew;
  return error;
}

/// Returns the settings by which a program is stopped if its spec cannot be read: the default ones.
Spec spec_to_stop_by(const Home& home, const AppId& id) {
  Spec out;
  out.name = id.name;
  out.instance = id.instance;
  const auto record = home.read_status(id.stem());
  const std::vector<string> command = record ? record->command : std::vector<string>();
  out.program = command.empty() ? id.name : command.front();
  if (!command.empty()) out.args.assign(command.begin() + 1, command.end());
  return out;
}

/// Returns a descriptor of that spec. It has no name: what stands in the home may be put right by its user.
Result<Fd> unnamed_file_of(const Spec& spec) {
  const string text = spec_text(spec);
  Fd file(memfd_create("spec", MFD_CLOEXEC));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return system_error("write a spec", "memfd_create");
  return file;
}

int cannot_stop(const string& stem, const std::optional<int>& pid, const string& why) {
  string remedy;
  if (pid)
    remedy = "; its program runs on as pid " + std::to_string(*pid) + ", 'kill " + std::to_string(*pid) +
             "' tells it to end";
  return complain("cannot stop " + stem + ": " + why + remedy);
}

/// Takes over a program whose keeper was killed, and which is to be stopped. Nothing is started: if it does
/// not live any more, or if another keeper has it, there is nothing to do.
int take_over_to_stop(const Home& home, const AppId& id, const CommandLine& line) {
  const string& stem = line.start;
  auto claimed = claim(home, id, Home::kLockWait);
  if (!claimed) {
    const bool taken = claimed.error().reason == Reason::already;
    if (taken && (home.connect_socket(stem) || home.locked(stem))) return kTakenExit;
    return cannot_stop(stem, std::nullopt, claimed.error().why());
  }
  const auto pid = claimed->adopts;
  if (!pid && !has_records(home, stem)) (void)home.remove_app(stem);  // the lock has made its directory again
  const StopWish wish{line.to_stop, getppid(), geteuid(), claimed->left_by};
  if (!pid) {
    note_stop_without_keeper(home, stem, wish);
    return kTakenExit;
  }
  auto spec = home.read_spec(stem);
  Fd made_up;
  if (!spec) {
    spec = spec_to_stop_by(home, id);
    auto file = unnamed_file_of(*spec);
    if (!file) return cannot_stop(stem, pid, file.error().why());
    made_up = std::move(*file);
  }
  confirm_first_record(home, stem);  // nothing of an earlier start is left to be taken back
  catch_interrupts();
  auto ready = make_ready(home, *spec, std::move(*claimed), false);
  if (!ready) return cannot_stop(stem, pid, ready.error().why());
  ready->table.to_stop = wish.text();
  if (made_up) ready->table.held.push_back({"spec", made_up.get()});
  auto pipe = start_detached(*ready, *spec);
  if (!pipe) {
    home.unlink_socket(stem);
    return cannot_stop(stem, pid, pipe.error().why());
  }
  hand_over(*ready);
  auto report = await_takeover(std::move(*pipe));
  return report ? 0 : cannot_stop(stem, pid, report.error().why());
}

int start_recorded(const Home& home, const CommandLine& line) {
  auto id = AppId::parse(line.start);
  if (!id) return complain("cannot start " + line.start + ": that is no name of an app", 2);
  if (access(home.spec_path(line.start).c_str(), F_OK) != 0 && !has_records(home, line.start) &&
      access(home.socket_path(line.start).c_str(), F_OK) != 0)
    return complain("cannot start " + line.start + ": no such app in " + home.path(), 4);
  if (!line.to_stop.empty()) return take_over_to_stop(home, *id, line);
  auto claimed = claim(home, *id, Home::kLockWait);
  bool taken = !claimed && claimed.error().reason == Reason::already;
  if (taken && home.connect_socket(line.start)) return kTakenExit;
  if (!claimed) return complain(claimed.error());
  auto spec = home.read_spec(line.start);
  if (!spec) return complain(unreadable_spec(*claimed, spec.error()));
  if (auto lost = lost_descriptors(line.start, *spec)) return complain(*lost);
  if (auto code = check_descriptor_limit(*spec, false)) return *code;
  confirm_first_record(home, line.start);  // nothing of an earlier start is left to be taken back
  auto changed = look_up_again(*spec);
  if (!changed) return complain("cannot start " + line.start + ": " + changed.error().text());
  if (*changed)
    if (Done done = home.write_spec(line.start, *spec); !done) return complain(done.error());
  catch_interrupts();
  auto ready = make_ready(home, *spec, std::move(*claimed), false);
  if (!ready) return complain(ready.error());
  auto pipe = start_detached(*ready, *spec);
  if (!pipe) return take_back(home, *ready, pipe.error());
  hand_over(*ready);
  return await_start(ready->started, std::move(*pipe), line.wait);
}

}  // namespace

int launch(CommandLine line) {
  close_strays_on_exec();
  auto path = Home::default_path();
  if (!path) return complain(path.error());
  if (line.start.empty())
    if (auto code = prepare(line.spec)) return *code;
  auto home = Home::open(*path, Home::Create::yes);
  if (!home) return complain(home.error());
  if (!line.start.empty()) return start_recorded(*home, line);
  if (line.detach) catch_interrupts();

  auto claims = claim_all(*home, line.spec, line.named);
  if (!claims) return complain(claims.error());
  std::vector<std::pair<Ready, Fd>> started;
  int exit_code = 0;
  for (Claim& one : *claims) {
    Spec spec = line.spec;
    spec.instance = one.id.instance;
    // Each has one of its own, named as the other files of an instance are.
    if (!spec.pid_file.empty()) spec.pid_file = file_stem(spec.pid_file, spec.instance);
    for (std::string* log : {&spec.log, &spec.error_log})
      if (is_log_file(*log)) *log = file_stem(*log, spec.instance);
    if (!line.replace)
      if (auto other = other_program(*home, spec, one)) return complain(*other);
    if (line.named && !one.fresh) say_differences(*home, spec);
    auto ready = make_ready(*home, spec, std::move(one), true);
    if (!ready) return complain(ready.error());
    ready->table.replace = line.replace;
    ready->table.inherit.assign(spec.inherit_fds.begin(), spec.inherit_fds.end());
    if (!line.detach) {
      ready->table.foreground = true;
      Error error = become(ready->table, spec);
      return take_back(*home, *ready, error);
    }
    auto pipe = start_detached(*ready, spec);
    if (!pipe) return take_back(*home, *ready, pipe.error());
    hand_over(*ready);
    started.emplace_back(std::move(*ready), std::move(*pipe));
  }
  for (auto& [ready, pipe] : started)
    if (int code = await_start(ready.started, std::move(pipe), line.wait); code != 0) exit_code = code;
  return exit_code;
}

}  // namespace keeper
