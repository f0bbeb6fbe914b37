#include "ctl/doctor/gather.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "ctl/doctor/processes.hpp"
#include "ctl/logs/place.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/users.hpp"

namespace keeper {
namespace {

using std::string;
using Kind = PathFacts::Kind;

constexpr unsigned kModeBits = 0777;
constexpr std::uint64_t kPipePages = 16;  // of a pipe as it is made, pipe(7)

/// Apps whose directory was moved aside to be deleted, and is there still.
std::vector<string> half_removed(const Home& home) {
  std::vector<string> out;
  std::unique_ptr<DIR, int (*)(DIR*)> reader(opendir((home.path() + "/apps").c_str()), closedir);
  while (const dirent* entry = reader ? readdir(reader.get()) : nullptr) {
    std::string_view name = entry->d_name;
    if (!name.starts_with('.') || !name.ends_with(".removed")) continue;
    name.remove_prefix(1);
    name.remove_suffix(8);
    // One that is being deleted just now is nobody's business but the deleter's.
    if (AppId::parse(name) && !home.locked(name)) out.emplace_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Sockets and directories that no row belongs to come too, where everything is looked at.
std::vector<AppFacts> gather_apps(const Home& home, std::vector<Row> rows, bool whole) {
  std::map<AppId, std::optional<Row>> all;
  if (whole)
    for (const auto& ids : {home.sockets(), home.apps()})
      for (const AppId& id : ids)
        all[id] = std::nullopt;
  for (Row& row : rows) {
    AppId id = row.id;
    all[id] = std::move(row);
  }
  std::vector<AppFacts> out;
  for (auto& [id, row] : all)
    out.push_back(gather_app(home, id, std::move(row)));
  return out;
}

string directory_of(const string& path) {
  auto slash = path.rfind('/');
  return slash == string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

/// Where logs are, each directory once.
std::vector<string> log_directories(const Home& home, const std::vector<AppFacts>& apps) {
  std::set<string> out;
  for (const AppFacts& app : apps)
    if (auto places = app.row ? log_places_of(home, *app.row) : Result<std::vector<LogPlace>>(Error{}))
      for (const LogPlace& place : *places)
        if (place.path.starts_with('/')) out.insert(directory_of(place.path));
  return {out.begin(), out.end()};
}

void add_processes(const Home& home, HomeFacts& facts) {
  Processes processes = look_at_processes(home);
  SystemFacts& system = facts.system;
  system.user_tasks.used = processes.user_tasks;
  system.inotify_instances.used = processes.inotify_instances;
  system.inotify_watches.used = processes.inotify_watches;
  for (AppFacts& app : facts.apps) {
    app.keepers = processes.keepers[app.id.stem()];
    if (app.row && app.row->keeper_lives) system.pipe_pages.used += kPipePages;
  }
}

}  // namespace

PathFacts look_at_path(string path, Kind wanted) {
  PathFacts out{std::move(path), wanted};
  struct stat st {};
  if (lstat(out.path.c_str(), &st) != 0) return out;
  out.there = true;
  out.mode = st.st_mode;
  out.owner = st.st_uid;
  return out;
}

HomeFacts gather(const Home& home, std::vector<Row> rows, bool whole, const PathFacts& before) {
  HomeFacts facts;
  facts.path = home.path();
  facts.user = geteuid();
  facts.user_name = passwd_name(facts.user);
  if (facts.user_name.empty()) facts.user_name = std::to_string(facts.user);
  facts.version = KEEPER_VERSION;
  facts.now = wall_now();
  facts.whole = whole;
  facts.apps = gather_apps(home, std::move(rows), whole);
  facts.system = gather_system();
  add_processes(home, facts);

  std::vector<string> directories = log_directories(home, facts.apps);
  if (whole) {
    directories.insert(directories.begin(), home.path());
    for (const char* room : {"", "/sock", "/apps", "/logs"})
      facts.rooms.push_back(look_at_path(home.path() + room, Kind::directory));
    bool changed = before.there && (before.mode & kModeBits) != (facts.rooms.front().mode & kModeBits);
    if (changed) facts.narrowed_from = before.mode & kModeBits;
    facts.half_removed = half_removed(home);
  }
  facts.disks = gather_disks(directories);
  return facts;
}

}  // namespace keeper
