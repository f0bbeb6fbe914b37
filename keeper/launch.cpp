#include "keeper/launch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "keeper/child/spawn_plan.hpp"
#include "keeper/first_record.hpp"
#include "keeper/survive/role.hpp"
#include "protocol/home/home.hpp"
#include "protocol/home/log_files.hpp"
#include "protocol/wire/codec.hpp"

extern char** environ;

namespace keeper {
namespace {

using std::string;

constexpr Millis kLockWait{500};
constexpr std::size_t kShownLines = 10;

int complain(const string& text, int exit_code = 1) {
  std::fprintf(stderr, "keeper: %s\n", text.c_str());
  return exit_code;
}
int complain(const Error& error, int exit_code = 1) { return complain(error.text(), exit_code); }

// --- the spec ---------------------------------------------------------------------------------------------------------

string working_directory() {
  char* name = get_current_dir_name();
  string out = name != nullptr ? name : "/";
  std::free(name);
  return out;
}

string absolute(const string& path, const string& directory) {
  return path.empty() || path.front() == '/' ? path : directory + "/" + path;
}

/// The user's name for people. /etc/passwd first; a user of a name service is asked of getent, for a static program
/// has no name services of its own.
string user_name(unsigned uid) {
  string name = std::to_string(uid);
  if (std::FILE* file = std::fopen("/etc/passwd", "re")) {
    string found;
    for (const passwd* p = fgetpwent(file); p != nullptr && found.empty(); p = fgetpwent(file))
      if (p->pw_uid == uid) found = p->pw_name;
    std::fclose(file);
    if (!found.empty()) return found;
  }
  string command = "getent passwd " + name + " 2>/dev/null";
  std::FILE* answer = popen(command.c_str(), "re");
  if (answer == nullptr) return name;
  char line[256];
  if (std::fgets(line, sizeof line, answer) != nullptr) {
    string text = line;
    if (auto colon = text.find(':'); colon != string::npos && colon > 0) name = text.substr(0, colon);
  }
  pclose(answer);
  return name;
}

/// Everything about the spec that can be known to fail before anything is taken or written. The exit code on
/// failure.
std::optional<int> prepare(Spec& spec) {
  string here = working_directory();
  spec.cwd = spec.cwd.empty() ? here : absolute(spec.cwd, here);
  struct stat st {};
  if (stat(spec.cwd.c_str(), &st) < 0 || !S_ISDIR(st.st_mode))
    return complain("cannot run in " + spec.cwd + ": " + (errno != 0 ? strerror(errno) : "not a directory"), 1);
  spec.env_file = absolute(spec.env_file, here);
  spec.pid_file = absolute(spec.pid_file, here);
  if (spec.log != "none" && spec.log != "-") spec.log = absolute(spec.log, here);
  if (!spec.clear_env)
    for (char** v = environ; *v != nullptr; ++v)
      if (passed_on(*v)) spec.environment.emplace_back(*v);
  spec.user = user_name(geteuid());

  std::vector<string> from_file;
  if (!spec.env_file.empty()) {
    auto read = read_env_file(spec.env_file);
    if (!read) return complain(read.error());
    from_file = std::move(*read);
  }
  std::vector<const char*> inherited;
  for (const string& v : spec.environment) inherited.push_back(v.c_str());
  inherited.push_back(nullptr);
  auto added = added_environment(spec, 0, from_file);
  string path(variable_in(merge_environment(inherited.data(), added), "PATH"));
  auto found = resolve(spec.program, here, spec.interpreter, spec.interpreter_args, path);
  if (auto* no = std::get_if<CannotRun>(&found)) return complain(no->error, no->exit_code);
  spec.program = std::get<Resolved>(found).program;
  return std::nullopt;
}

string default_name(const string& program) {
  string file = program.substr(program.rfind('/') + 1);
  auto dot = file.rfind('.');
  return legal_name(dot == string::npos || dot == 0 ? file : file.substr(0, dot));
}

// --- the name ---------------------------------------------------------------------------------------------------------

struct Claim {
  AppId id;
  Fd lock;
  bool fresh = true;  ///< there was no record
};

/// A program that still runs though its keeper is gone: nothing is started beside it.
std::optional<int> orphan(const Home& home, const string& stem) {
  auto status = home.read_status(stem);
  if (!status || !status->pid || !status->pid_start || status->boot_id != boot_id()) return std::nullopt;
  if (process_start(*status->pid) != status->pid_start) return std::nullopt;
  return status->pid;
}

string kept_by(const Home& home, const string& stem) {
  auto status = home.read_status(stem);
  if (!status || !status->keeper_pid) return "it is kept already, by a keeper that is just starting";
  string out = "it is kept already, by keeper " + std::to_string(*status->keeper_pid);
  if (status->pid) out += " (program " + std::to_string(*status->pid) + ")";
  return out + "; 'ctl restart " + stem + "' restarts it, 'ctl stop " + stem + "' ends it";
}

/// The lock of one stem. While another holds it: an answering socket settles it at once, else it may be a keeper that is
/// just leaving, which is waited for.
Result<Fd> take_lock(const Home& home, const string& stem, Millis wait) {
  constexpr Millis step{10};
  for (Millis waited{0};; waited += step) {
    auto lock = home.lock(stem, Millis(0));
    if (lock || lock.error().reason != Reason::already) return lock;
    if (waited >= wait || home.connect_socket(stem))
      return Error{Reason::already, "start " + stem, kept_by(home, stem), 0};
    usleep(static_cast<useconds_t>(step.count()) * 1000);
  }
}

Result<Claim> claim(const Home& home, const AppId& id, Millis wait) {
  string stem = id.stem();
  auto lock = take_lock(home, stem, wait);
  if (!lock) return lock.error();
  if (auto pid = orphan(home, stem))
    return Error{Reason::already, "start " + stem,
                 "its program still runs as pid " + std::to_string(*pid) +
                     " though its keeper was killed; 'ctl stop " + stem + "' ends it",
                 0};
  return Claim{id, std::move(*lock), access(home.spec_path(stem).c_str(), F_OK) != 0};
}

/// All instances of one name. Without -n a name that is kept, or that another program had, leads to the next one.
Result<std::vector<Claim>> claim_all(const Home& home, Spec& spec, bool named) {
  string wish = named ? spec.name : default_name(spec.program);
  for (int number = 1; number < 10'000; ++number) {
    spec.name = number == 1 ? wish : wish + "-" + std::to_string(number);
    std::vector<Claim> claims;
    std::optional<Error> failed;
    for (int i = 0; i < spec.instances && !failed; ++i) {
      auto one = claim(home, {spec.name, i}, named ? kLockWait : Millis(0));
      if (one)
        claims.push_back(std::move(*one));
      else
        failed = one.error();
    }
    if (failed && (named || failed->reason != Reason::already)) return *failed;
    if (failed) continue;
    if (named || claims.front().fresh) return claims;
    auto record = home.read_spec(claims.front().id.stem());
    if (!record || record->program == spec.program) return claims;
  }
  return Error{Reason::failed, "find a free name for " + spec.program, "10,000 are taken", 0};
}

// --- the start --------------------------------------------------------------------------------------------------------

void say_differences(const Home& home, const Spec& spec) {
  auto before = home.read_spec(file_stem(spec.name, spec.instance));
  if (!before) return;
  for (const string& line : spec_differences(*before, spec))
    std::fprintf(stderr, "keeper: %s: %s\n", file_stem(spec.name, spec.instance).c_str(), line.c_str());
}

struct Ready {
  RoleTable table;
  Fd lock;
  Fd socket;
  string log;               ///< path of its log; empty if it has none
  std::uint64_t log_begins = 0;  ///< where this start's output will begin in it
};

Result<Ready> make_ready(const Home& home, const Spec& spec, Claim claimed, bool write_spec) {
  string stem = claimed.id.stem();
  if (write_spec)
    if (Done done = write_first_record(home, stem, spec); !done) return done.error();
  auto socket = home.bind_socket(stem);
  if (!socket) return socket.error();
  Ready out;
  out.table.home = home.path();
  out.table.stem = stem;
  out.table.lock = claimed.lock.get();
  out.table.socket = socket->get();
  out.table.fresh = claimed.fresh;
  out.lock = std::move(claimed.lock);
  out.socket = std::move(*socket);
  out.log = spec.log.empty() ? home.log_path(stem) : spec.log == "none" || spec.log == "-" ? "" : spec.log;
  struct stat st {};
  if (!out.log.empty() && stat(out.log.c_str(), &st) == 0) out.log_begins = static_cast<std::uint64_t>(st.st_size);
  return out;
}

/// The keeper's own environment is the caller's, without what a child must not see either.
int become_keeper(const RoleTable& table, const Spec& spec) {
  return complain(enter_role(table, "keeper: " + table.stem, spec.environment));
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
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  ready.table.report = writing.get();
  become_keeper(ready.table, spec);
  _exit(1);
}

volatile std::sig_atomic_t interrupted = 0;

/// One whole line of the pipe; nothing at its end, or when Ctrl-C came first.
std::optional<string> read_line(int fd, string& pending) {
  while (interrupted == 0) {
    if (auto end = pending.find('\n'); end != string::npos) {
      string line = pending.substr(0, end);
      pending.erase(0, end + 1);
      return line;
    }
    char chunk[4096];
    ssize_t got = read(fd, chunk, sizeof chunk);
    if (got == 0 || (got < 0 && errno != EINTR)) break;
    if (got > 0) pending.append(chunk, static_cast<std::size_t>(got));
  }
  return std::nullopt;
}

void show_last_lines(const Ready& ready) {
  if (ready.log.empty()) return;
  auto tail = read_tail(ready.log, 200, 64 * 1024);
  if (!tail || tail->lines.empty()) return;
  // Of this start only: as many lines as its part of the log holds, without the keeper's own.
  std::uint64_t bytes = tail->bytes > ready.log_begins ? tail->bytes - ready.log_begins : 0;
  std::vector<string> shown;
  for (auto line = tail->lines.rbegin(); line != tail->lines.rend() && shown.size() < kShownLines; ++line) {
    if (bytes < line->size()) break;
    bytes -= std::min<std::uint64_t>(bytes, line->size() + 1);
    if (line->rfind("[keeper] ", 0) != 0) shown.push_back(*line);
  }
  if (shown.empty()) return;
  std::fprintf(stderr, "  its last lines:\n");
  for (auto line = shown.rbegin(); line != shown.rend(); ++line) std::fprintf(stderr, "  | %s\n", line->c_str());
}

string ended_how(const Status& status) {
  if (status.spawn_error) return *status.spawn_error;
  if (!status.last_exit) return "it did not start";
  const LastExit& end = *status.last_exit;
  string how = end.exit.kind == ExitInfo::Kind::code ? "it ended with " + exit_text(end.exit)
                                                     : "it was ended by " + exit_text(end.exit);
  char after[32];
  std::snprintf(after, sizeof after, " after %.1f s", static_cast<double>(end.after_ms) / 1000.0);
  return how + after;
}

int tell_failure(const Ready& ready, const StartReport& report) {
  const Status& status = report.status;
  complain("cannot start " + ready.table.stem + ": " + ended_how(status));
  show_last_lines(ready);
  if (has_keeper(status.state))
    std::fprintf(stderr, "keeper: %s is tried again; 'ctl stop %s' ends that, 'ctl logs %s' shows its output\n",
                 ready.table.stem.c_str(), ready.table.stem.c_str(), ready.table.stem.c_str());
  else if (status.reason)
    std::fprintf(stderr, "keeper: %s is not tried again: %s\n", ready.table.stem.c_str(), status.reason->c_str());
  return report.exit_code;
}

/// Waits for what the new keeper says, and says it to the user. The exit code.
int await_start(const Ready& ready, Fd pipe, bool until_confirmed) {
  string pending;
  while (auto line = read_line(pipe.get(), pending)) {
    auto report = read_report(*line);
    if (!report) return complain(report.error());
    if (report->kind == StartReport::Kind::failed) return tell_failure(ready, *report);
    if (report->kind == StartReport::Kind::spawned && until_confirmed) continue;
    std::printf("%s: %s, pid %d, keeper %d\n", ready.table.stem.c_str(),
                report->kind == StartReport::Kind::confirmed ? "running" : "started", report->status.pid.value_or(0),
                report->status.keeper_pid.value_or(0));
    return 0;
  }
  if (interrupted != 0)
    return complain(ready.table.stem + " goes on starting in the background; 'ctl stop " + ready.table.stem + "' ends it",
                    130);
  return complain("cannot start " + ready.table.stem + ": its keeper ended before it said anything");
}

/// Ctrl-C while waiting leaves the keeper running, and is said.
void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) sigaction(signal, &action, nullptr);
}

/// The keeper has them now.
void hand_over(Ready& ready) {
  ready.lock.reset();
  ready.socket.reset();
}

int start_recorded(const Home& home, const CommandLine& line) {
  auto id = AppId::parse(line.start);
  if (!id) return complain("cannot start " + line.start + ": that is no name of an app", 2);
  if (access(home.spec_path(line.start).c_str(), F_OK) != 0)
    return complain("cannot start " + line.start + ": no such app in " + home.path(), 4);
  auto claimed = claim(home, *id, kLockWait);
  if (!claimed) return complain(claimed.error());
  auto spec = home.read_spec(line.start);
  if (!spec) return complain(spec.error());
  auto ready = make_ready(home, *spec, std::move(*claimed), false);
  if (!ready) return complain(ready.error());
  auto pipe = start_detached(*ready, *spec);
  if (!pipe) return complain(pipe.error());
  hand_over(*ready);
  return await_start(*ready, std::move(*pipe), line.wait);
}

}  // namespace

string report_line(const StartReport& report) {
  return std::to_string(static_cast<int>(report.kind)) + " " + std::to_string(report.exit_code) + " " +
         write_as(report.status) + "\n";
}

Result<StartReport> read_report(std::string_view line) {
  StartReport out;
  int kind = 0;
  const char* end = line.data() + line.size();
  auto first = std::from_chars(line.data(), end, kind);
  if (first.ec != std::errc() || first.ptr == end || kind < 0 || kind > 2)
    return Error{Reason::invalid, "read what the new keeper says", {}, 0};
  auto second = std::from_chars(first.ptr + 1, end, out.exit_code);
  auto status = read_as<Status>({second.ptr, static_cast<std::size_t>(end - second.ptr)});
  if (!status) return status.error();
  out.kind = static_cast<StartReport::Kind>(kind);
  out.status = std::move(*status);
  return out;
}

int launch(CommandLine line) {
  close_strays_on_exec();
  auto path = Home::default_path();
  if (!path) return complain(path.error());
  if (line.start.empty())
    if (auto code = prepare(line.spec)) return *code;
  auto home = Home::open(*path, Home::Create::yes);
  if (!home) return complain(home.error());
  if (line.detach || !line.start.empty()) catch_interrupts();
  if (!line.start.empty()) return start_recorded(*home, line);

  auto claims = claim_all(*home, line.spec, line.named);
  if (!claims) return complain(claims.error());
  std::vector<std::pair<Ready, Fd>> started;
  int exit_code = 0;
  for (Claim& one : *claims) {
    Spec spec = line.spec;
    spec.instance = one.id.instance;
    if (line.named && !one.fresh) say_differences(*home, spec);
    auto ready = make_ready(*home, spec, std::move(one), true);
    if (!ready) return complain(ready.error());
    if (!line.detach) {
      ready->table.foreground = true;
      return become_keeper(ready->table, spec);
    }
    auto pipe = start_detached(*ready, spec);
    if (!pipe) return complain(pipe.error());
    hand_over(*ready);
    started.emplace_back(std::move(*ready), std::move(*pipe));
  }
  for (auto& [ready, pipe] : started)
    if (int code = await_start(ready, std::move(pipe), line.wait); code != 0) exit_code = code;
  return exit_code;
}

}  // namespace keeper
