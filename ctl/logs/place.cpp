#include "ctl/logs/place.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "protocol/base/links.hpp"

namespace keeper {
namespace {

bool is_regular(const FilePlace& log, const std::string& name) {
  struct stat at {};
  return fstatat(log.directory(), log.beside(name).c_str(), &at, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(at.st_mode);
}

/// Sets the rights of the program's user for each log whose path that user may have chosen.
void note_rights(const Home& home, const std::string& stem, std::vector<LogPlace>& places) {
  auto spec = home.read_spec(stem);
  const auto user = std::make_shared<const ActingUser>(spec ? home.acting_user(*spec) : ActingUser());
  for (LogPlace& place : places)
    if (user->acts && (rights_at(place.path, *user) != nullptr ||
                       rights_at(given_path_of(home, stem, *spec, place), *user) != nullptr))
      place.rights = user;
}

}  // namespace

Result<std::string> log_path_of(const Home& home, const Row& row) {
  if (!row.status.logs.empty()) return row.status.logs.front().path;
  std::string stem = row.id.stem();
  auto spec = home.read_spec(stem);
  if (!spec || spec->log.empty()) return end_of_links(home.log_path(stem));
  if (spec->log == "none") return Error{Reason::failed, "", "it keeps no log (--log none)", 0};
  if (spec->log == "-") return Error{Reason::failed, "", "its output goes to its keeper's own (--log -)", 0};
  return end_of_links(spec->log);
}

Result<std::vector<LogPlace>> log_places_of(const Home& home, const Row& row) {
  std::vector<LogPlace> places;
  for (const LogFile& log : row.status.logs)
    places.push_back({log.stream.empty() ? "all" : log.stream, log.path});
  if (places.empty()) {
    auto path = log_path_of(home, row);
    if (!path) return path.error();
    places.push_back({"all", *path});
  }
  note_rights(home, row.id.stem(), places);
  return places;
}

Error not_kept(const Home& home, const Row& row, const std::string& stream) {
  auto spec = home.read_spec(row.id.stem());
  bool is_err = stream == "err";
  std::string flag = is_err ? "--error-log " : "--log ", why = is_err ? "its stderr" : "its stdout";
  std::string where = !spec ? "" : is_err ? spec->error_log : spec->log;
  why += where == "-" ? " goes to its keeper's own" : " is not kept";
  if (where == "-" || where == "none") why += " (" + flag + where + ")";
  return Error{Reason::failed, "", why, 0};
}

std::string given_path_of(const Home& home, const std::string& stem, const Spec& spec, const LogPlace& log) {
  const bool err = log.stream == "err";
  if (err) return spec.error_log == "apart" ? home.error_log_path(stem) : spec.error_log;
  return spec.log.empty() ? home.log_path(stem) : spec.log;
}

std::vector<std::string> log_files_of(const FilePlace& log, int backups) {
  const ActingAs as_user(log.as);
  std::vector<std::string> out;
  if (as_user.error() != 0) return out;
  if (is_regular(log, log.base())) out.push_back(log.base());
  // There may be more of them than the spec says by now: on until one is missing.
  for (int i = 1;; ++i) {
    std::string backup = log.base() + "." + std::to_string(i);
    bool there = false;
    for (const std::string& name : {backup, backup + ".gz"}) {
      if (!is_regular(log, name)) continue;
      out.push_back(name);
      there = true;
    }
    if (!there && i >= backups) return out;
  }
}

std::uint64_t size_of_file(const std::string& path) {
  struct stat at {};
  if (stat(path.c_str(), &at) != 0 || !S_ISREG(at.st_mode)) return 0;
  return static_cast<std::uint64_t>(at.st_size);
}

}  // namespace keeper
