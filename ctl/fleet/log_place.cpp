#include "ctl/fleet/log_place.hpp"

#include <sys/stat.h>

#include "protocol/home/log_link.hpp"

namespace keeper {
namespace {

bool is_regular(const std::string& path) {
  struct stat at {};
  return lstat(path.c_str(), &at) == 0 && S_ISREG(at.st_mode);
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
  if (!places.empty()) return places;
  auto path = log_path_of(home, row);
  if (!path) return path.error();
  places.push_back({"all", *path});
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

std::vector<std::string> log_files_of(const std::string& path, int backups) {
  std::vector<std::string> out;
  if (is_regular(path)) out.push_back(path);
  // There may be more of them than the spec says by now: on until one is missing.
  for (int i = 1;; ++i) {
    std::string backup = path + "." + std::to_string(i);
    bool there = false;
    for (const std::string& name : {backup, backup + ".gz"}) {
      if (!is_regular(name)) continue;
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
