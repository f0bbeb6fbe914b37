#include "protocol/store/find_run.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "protocol/base/clock.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/base/users.hpp"
#include "protocol/store/run_signs.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr string_view kDefaultHome = "/.keeper";

int number_of(const string& text) {
  int out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

bool same_directory(const string& a, const string& b) {
  struct stat one {
  }, other{};
  if (a == b) return true;
  return stat(a.c_str(), &one) == 0 && stat(b.c_str(), &other) == 0 && one.st_ino == other.st_ino &&
         one.st_dev == other.st_dev;
}

/// Returns whether the keeper of such a process has this home. A keeper that was started without KEEPER_HOME
/// has the default home of its user, whose HOME the program need not have (--user).
bool names_home(const string& environment, const Home& home) {
  if (auto path = variable_in(environment, "KEEPER_HOME"); path && !path->empty())
    return path->front() == '/' ? same_directory(*path, home.path()) : home.path().ends_with("/" + *path);
  if (!home.path().ends_with(kDefaultHome)) return false;
  const char* own = std::getenv("HOME");
  const string above = home.path().substr(0, home.path().size() - kDefaultHome.size());
  const auto its = variable_in(environment, "HOME");
  return (its && same_directory(*its, above)) || (own != nullptr && same_directory(own, above));
}

bool is_of_run(int pid, const AppId& id, const RunWish& wish) {
  RunSigns signs{.marks = {"KEEPER_NAME=" + id.name, "KEEPER_INSTANCE=" + std::to_string(id.instance)}};
  signs.user = wish.user;
  const auto user = wish.user_name.empty() ? std::nullopt : user_of(pid);
  if (user && passwd_name(*user) == wish.user_name) signs.user = user;
  return belongs_to_run(pid, signs);
}

/// Returns whether a process is a keeper or guard of that app, by its title.
bool keeps(int pid, const string& stem) {
  char text[256];
  const long got = read_proc(("/proc/" + std::to_string(pid) + "/cmdline").c_str(), text, sizeof text - 1);
  if (got <= 0) return false;
  text[got] = 0;
  const string_view title = text;
  return title == "keeper: " + stem || title == "keeper: guard " + stem;
}

bool counts(int pid, const AppId& id, const RunWish& wish) {
  if (!is_of_run(pid, id, wish)) return false;
  const int parent = parent_of(pid);
  return wish.kept || (wish.guard != 0 && parent == wish.guard) || !keeps(parent, id.stem());
}

bool is_there(const string& path) {
  struct stat st {};
  return lstat(path.c_str(), &st) == 0;
}

std::vector<string> command_of(int pid) {
  std::vector<string> out;
  const auto words = read_file("/proc/" + std::to_string(pid) + "/cmdline", 64 << 10);
  for (std::size_t from = 0; words && from < words->size();) {
    const auto end = std::min(words->find('\0', from), words->size());
    out.push_back(words->substr(from, end - from));
    from = end + 1;
  }
  return out;
}

/// Returns whether there are files that a clean end removes and a kill leaves.
bool was_left(const Home& home, const string& stem) {
  return is_there(home.socket_path(stem)) || is_there(home.pid_path(stem));
}

}  // namespace

string stem_in(const string& environment) {
  const auto name = variable_in(environment, "KEEPER_NAME"),
             instance = variable_in(environment, "KEEPER_INSTANCE");
  return name ? file_stem(*name, instance ? number_of(*instance) : 0) : string();
}

void MarkedProcesses::look() {
  if (std::exchange(looked_, true)) return;
  for (int pid : all_processes()) {
    const string environment = environment_of(pid);
    const string stem = stem_in(environment);
    const auto start = stem.empty() ? std::nullopt : process_start(pid);
    if (!start || pid == getpid() || !names_home(environment, home_) || runs_program(pid, "keeper")) continue;
    const int keeper = number_of(variable_in(environment, "KEEPER_PID").value_or(""));
    all_.push_back({{pid, *start, keeper}, getsid(pid) == pid, stem});
  }
}

std::optional<FoundRun> MarkedProcesses::main_of(const AppId& id, const RunWish& wish) {
  look();
  const Process* out = nullptr;
  const string stem = id.stem();
  for (const Process& one : all_) {
    if (one.stem != stem || process_start(one.run.pid) != one.run.start) continue;
    if (!counts(one.run.pid, id, wish)) continue;
    const bool first = out == nullptr || (one.leads && !out->leads) ||
                       (one.leads == out->leads && one.run.start < out->run.start);
    if (first) out = &one;
  }
  return out == nullptr ? std::nullopt : std::optional(out->run);
}

std::optional<FoundRun> run_of_child(const Home& home, const AppId& id, int pid, const RunWish& wish) {
  const auto start = process_start(pid);
  if (!start || getsid(pid) != pid || runs_program(pid, "keeper")) return std::nullopt;
  const string environment = environment_of(pid);
  // If its variables are unreadable, its parent alone is the proof.
  if (environment.size() <= 1) return FoundRun{pid, *start, 0};
  if (!names_home(environment, home) || !is_of_run(pid, id, wish)) return std::nullopt;
  return FoundRun{pid, *start, number_of(variable_in(environment, "KEEPER_PID").value_or(""))};
}

RunWish wish_for(const Result<Spec>& spec, const Result<Status>& status) {
  RunWish out;
  if (spec && !spec->run_as.empty()) {  // "web:1000:33:..."
    const auto at = spec->run_as.find(':');
    if (at != string::npos)
      out.user = static_cast<unsigned>(std::strtoul(spec->run_as.c_str() + at + 1, nullptr, 10));
  }
  if (!spec && status) out.user_name = status->user;
  return out;
}

std::optional<FoundRun> find_lost_run(const Home& home, const AppId& id, RunWish wish, bool page_is_whole) {
  const string stem = id.stem();
  const auto record = home.read_status(stem);
  if (record && still_runs(*record)) {
    const string environment = environment_of(*record->pid);
    const int keeper = number_of(variable_in(environment, "KEEPER_PID").value_or(""));
    return FoundRun{*record->pid, *record->pid_start, keeper != 0 ? keeper : record->keeper_pid.value_or(0)};
  }
  const bool of_this_boot = record && record->boot_id == boot_id();
  if (record && !of_this_boot && !page_is_whole) return std::nullopt;  // no process of another boot lives
  const bool unsure = was_left(home, stem) || (of_this_boot && has_keeper(record->state)) ||
                      (!page_is_whole && (has_records(home, stem) || is_there(home.log_path(stem))));
  if (!unsure) return std::nullopt;
  return MarkedProcesses(home).main_of(id, wish);
}

Status status_of_found(const AppId& id, Status record, const FoundRun& run) {
  record.name = id.name;
  if (id.instance != 0) record.instance = id.instance;
  if (record.pid != run.pid || record.pid_start != run.start) {
    const auto began = began_ms(run.pid);
    record.started_at = began ? std::optional(WallTime(Millis(*began))) : std::nullopt;
    record.confirmed_at = record.started_at;
    record.stopped_at.reset();
    ++record.run;
  }
  record.pid = run.pid;
  record.pid_start = run.start;
  record.boot_id = boot_id();
  if (!has_keeper(record.state)) record.state = State::running;
  if (!record.keeper_pid && run.keeper != 0) record.keeper_pid = run.keeper;
  if (record.command.empty()) record.command = command_of(run.pid);
  return record;
}

namespace {

void add_unreadable(string& out, const char* name, const Error& error) {
  if (error.reason == Reason::not_found) return;
  out += (out.empty() ? "" : "; ") + string(name) + ": " + error.why();
}

}  // namespace

string unreadable_records(const Result<Spec>& spec, const Result<Status>& status) {
  string out;
  if (!spec) add_unreadable(out, "spec.json", spec.error());
  if (!status) add_unreadable(out, "status.json", status.error());
  return out;
}

bool has_records(const Home& home, const string& stem) {
  for (const string& path :
       {home.spec_path(stem), home.status_path(stem), home.state_path(stem), home.pid_path(stem)})
    if (is_there(path)) return true;
  return false;
}

}  // namespace keeper
