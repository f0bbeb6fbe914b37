#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "ctl/doctor/gather.hpp"
#include "ctl/doctor/processes.hpp"
#include "ctl/logs/place.hpp"
#include "ctl/ops/fleet_state.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/pid_file.hpp"
#include "protocol/store/find_run.hpp"
#include "protocol/store/home.hpp"
#include "protocol/store/run_signs.hpp"

namespace keeper {
namespace {

using std::string;
using Kind = PathFacts::Kind;

/// Not there, as far as this user can tell; what cannot be looked at is taken for there.
bool is_missing(const string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

bool is_there(const string& path) {
  struct stat st {};
  return lstat(path.c_str(), &st) == 0;
}

/// Nobody listens, and nobody is about to: who binds a socket holds the lock.
bool is_stale(const Home& home, const string& stem) {
  auto socket = home.connect_socket(stem);
  if (socket || socket.error().reason != Reason::unreachable || home.locked(stem)) return false;
  return is_there(home.socket_path(stem));  // a keeper that was leaving has taken its own along
}

/// What stands in a pid file; 0: no pid.
int pid_in(const string& path) {
  auto text = read_file(path, 64);
  return text ? std::atoi(text->c_str()) : 0;
}

void add_pid_files(const Home& home, const string& stem, const std::optional<Spec>& spec, AppFacts& app) {
  if (app.locked || (app.record && still_runs(*app.record))) return;
  string own = home.pid_path(stem);
  if (is_there(own) && !pid_file_owner(own)) app.stale_pid_files.push_back({own, pid_in(own)});
  if (!spec || spec->pid_file.empty() || !app.record) return;
  // Others may write to a path that a user chose: it is ours if it names our run.
  int pid = pid_in(spec->pid_file);
  const Status& s = *app.record;
  bool ours = pid > 0 && (s.pid == pid || (s.last_exit && s.last_exit->pid == pid));
  const ActingUser user = home.acting_user(*spec);
  if (ours && !pid_file_owner(spec->pid_file, &user)) app.stale_pid_files.push_back({spec->pid_file, pid});
}

/// Records that were being written when their keeper was killed.
void add_half_written(const string& directory, AppFacts& app) {
  std::unique_ptr<DIR, int (*)(DIR*)> reader(opendir(directory.c_str()), closedir);
  while (const dirent* entry = reader ? readdir(reader.get()) : nullptr) {
    std::string_view name = entry->d_name;
    bool beside = name.size() > 5 && name.starts_with('.') && name.ends_with(".new");
    if (beside || name == "spec.json.before") app.leftovers.push_back(directory + "/" + entry->d_name);
  }
  std::sort(app.leftovers.begin(), app.leftovers.end());
}

void add_logs(const Home& home, AppFacts& app) {
  if (!app.row) return;
  auto places = log_places_of(home, *app.row);
  if (!places) return;
  for (const LogPlace& place : *places) {
    // Elsewhere somebody else's keeper may write.
    if (place.path.starts_with(home.path() + "/logs/") && is_there(place.path + ".gz.tmp"))
      app.leftovers.push_back(place.path + ".gz.tmp");
    if (is_there(place.path + ".rotating")) app.renaming_logs.push_back(place.path + ".rotating");
  }
}

/// Returns whether the user that this thread acts as may execute a file; access(2) asks for the process's
/// own.
bool may_execute(const string& path) {
  return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

/// What the first line of a script names; empty if it is none.
string shebang_of(const string& path) {
  char text[256];
  const Fd file(may_execute(path) ? open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1);
  struct stat st {};
  const bool regular = file && fstat(file.get(), &st) == 0 && S_ISREG(st.st_mode);
  const ssize_t got = regular ? read(file.get(), text, sizeof text) : -1;
  std::string_view line(text, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (!line.starts_with("#!")) return {};
  line = line.substr(0, line.find('\n'));
  auto from = line.find_first_not_of(" \t", 2);
  if (from == std::string_view::npos) return {};
  return string(line.substr(from, line.find_first_of(" \t\r", from) - from));
}

/// A variable that its runs have, but for its files of them.
string variable_of(const Spec& spec, const string& key) {
  if (auto own = spec.env.find(key); own != spec.env.end()) return own->second;
  for (const string& variable : spec.environment)
    if (variable.starts_with(key + "=")) return variable.substr(key.size() + 1);
  return {};
}

/// Where PATH leads with a name, in one of its absolute places; empty: nowhere.
string in_path(const Spec& spec, const string& name) {
  string path = variable_of(spec, "PATH");
  if (path.empty()) path = "/usr/local/bin:/usr/bin:/bin";
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view place = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), place.size() + 1));
    const string candidate = string(place) + "/" + name;
    if (place.starts_with('/') && may_execute(candidate)) return candidate;
  }
  return {};
}

void look_for(const char* role, const string& path, AppFacts& app) {
  if (path.starts_with('/') && is_missing(path)) app.missing.push_back({role, path});
}

/// What a run is made by is looked at with its user's rights: that user may have put anything there.
void add_missing_of_run(const Spec& spec, const ActingUser& user, AppFacts& app) {
  const ActingAs as_user(&user);
  if (as_user.error() != 0) return;
  auto look = [&](const char* role, const string& path) { look_for(role, path, app); };
  const bool named = spec.program.find('/') == string::npos;
  const string program = named ? in_path(spec, spec.program) : spec.program;
  // PATH may be in a file of variables.
  if (program.empty() && spec.env_file.empty()) app.missing.push_back({"program", spec.program});
  look("program", program);
  look("interpreter", spec.interpreter);
  // Of those that are found in PATH, the record says where they were.
  const bool known = !program.empty() && app.record && !app.record->command.empty();
  const string last = known ? app.record->command.front() : program;
  if (last != program && last != spec.interpreter && in_path(spec, last.substr(last.rfind('/') + 1)).empty())
    look("interpreter", last);
  look("interpreter", shebang_of(program));
  look("directory", spec.cwd);
}

void add_missing(const Home& home, const Spec& spec, AppFacts& app) {
  add_missing_of_run(spec, home.acting_user(spec), app);
  for (const string& file : spec.env_file)
    look_for("env file", file, app);
}

/// A record that is there is read; one that makes no sense is remembered. (What keeps one from being read at
/// all is a matter of its mode, or of what it is.)
template <class T>
std::optional<T> readable(Result<T> record, AppFacts& app) {
  if (record) return std::move(*record);
  Reason reason = record.error().reason;
  if (reason == Reason::invalid || reason == Reason::too_large) app.unreadable.push_back(record.error());
  return std::nullopt;
}

void add_paths(const Home& home, const string& stem, AppFacts& app) {
  app.paths.push_back(look_at_path(home.app_dir(stem), Kind::directory));
  for (const char* name : {"/lock", "/spec.json", "/status.json", "/state", "/pid", "/worker.js"})
    app.paths.push_back(look_at_path(home.app_dir(stem) + name, Kind::file));
  app.paths.push_back(look_at_path(home.socket_path(stem), Kind::socket));
}

void add_state(AppFacts& app) {
  if (!app.row) return;
  const Row& row = *app.row;
  if (is_orphan(row)) app.output_full = output_is_full(*row.status.pid);
  if (is_deaf(row) && row.status.keeper_pid) app.keeper_suspended = is_suspended(*row.status.keeper_pid);
}

}  // namespace

AppFacts gather_app(const Home& home, const AppId& id, std::optional<Row> row) {
  string stem = id.stem();
  AppFacts app;
  app.id = id;
  app.row = std::move(row);
  app.record = readable(home.read_status(stem), app);
  auto spec = readable(home.read_spec(stem), app);
  app.spec_is_readable = spec.has_value();
  app.spec_is_gone = !is_there(home.spec_path(stem)) && has_records(home, stem);
  add_paths(home, stem, app);
  add_state(app);
  if (spec) add_missing(home, *spec, app);
  app.locked = home.locked(stem);
  if (app.locked) return app;
  app.stale_socket = is_stale(home, stem);
  add_pid_files(home, stem, spec, app);
  add_half_written(home.app_dir(stem), app);
  add_logs(home, app);
  // A keeper that has come meanwhile owns all that.
  if (!home.locked(stem)) return app;
  app.locked = true;
  app.stale_pid_files.clear();
  app.leftovers.clear();
  app.renaming_logs.clear();
  return app;
}

}  // namespace keeper
