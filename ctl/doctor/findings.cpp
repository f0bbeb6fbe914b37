#include "ctl/doctor/findings.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

namespace keeper {
namespace {

using std::string;
using Kind = PathFacts::Kind;

constexpr unsigned kModeBits = 0777;
constexpr std::size_t kMostSocketPath = 107;  // unix(7), sun_path without its NUL

string octal(unsigned mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", mode & kModeBits);
  return text;
}

const char* kind_word(Kind kind) {
  return kind == Kind::directory ? "directory" : kind == Kind::socket ? "socket" : "file";
}

bool is_kind(unsigned mode, Kind kind) {
  return kind == Kind::directory ? S_ISDIR(mode) : kind == Kind::socket ? S_ISSOCK(mode) : S_ISREG(mode);
}

void add(std::vector<Found>& to, std::vector<Found> more) {
  for (Found& one : more)
    to.push_back(std::move(one));
}

Found narrowed(const HomeFacts& home) {
  return {{Severity::warning, std::nullopt,
           home.path + " had mode " + octal(*home.narrowed_from) + ", which lets others in",
           "it is 0700 now: every command sees to that", true},
          {}};
}

Found half_removed(const HomeFacts& home, const string& stem) {
  string path = home.path + "/apps/." + stem + ".removed";
  return {{Severity::warning, std::nullopt, path + " is left of an app whose deletion was broken off",
           "'ctl doctor --fix' removes it"},
          {Mend::Kind::removal, stem, path}};
}

/// Other programs may have no way to an address that is longer than sun_path.
std::vector<Found> long_sockets(const HomeFacts& home) {
  std::size_t longest = 0;
  for (const AppFacts& app : home.apps)
    longest = std::max(longest, (home.path + "/sock/" + app.id.stem() + ".sock").size());
  if (longest <= kMostSocketPath) return {};
  return {{{Severity::note, std::nullopt,
            "paths of sockets have up to " + std::to_string(longest) +
                " bytes: ctl finds them, programs that do not expect more than 107 cannot connect",
            "for such programs set KEEPER_HOME to a shorter path"},
           {}}};
}

}  // namespace

Finding in_two_parts(const string& text, const string& otherwise) {
  auto at = text.find("; ");
  if (at == string::npos) return {Severity::error, std::nullopt, text, otherwise, false};
  return {Severity::error, std::nullopt, text.substr(0, at), text.substr(at + 2), false};
}

Finding refused_home(const Error& error) {
  return in_two_parts(error.text(), "'ls -ld' shows whose it is and who may enter");
}

std::vector<Found> path_findings(const HomeFacts& home, const PathFacts& path,
                                 const std::optional<string>& app) {
  if (!path.there) return {};
  Finding finding{Severity::error, app, {}, {}, false};
  string kind = kind_word(path.wanted);
  if (!is_kind(path.mode, path.wanted)) {
    finding.what = path.path + (S_ISLNK(path.mode) ? " is a symbolic link" : " is something else") +
                   " where a " + kind + " belongs";
    // Nobody can hold it: a lock is opened as a file, and no link is followed.
    if (app && path.path.ends_with("/apps/" + *app + "/lock")) {
      finding.remedy = "nothing of it can be started until it is moved away: 'ctl doctor --fix' does that";
      return {{finding, {Mend::Kind::no_lock, {}, path.path}}};
    }
    finding.remedy = "move it away: keeper and ctl do not follow it, and make the " + kind + " anew";
    return {{finding, {}}};
  }
  if (path.owner != home.user) {
    finding.what = path.path + " belongs to another user (uid " + std::to_string(path.owner) + ")";
    finding.remedy = "'sudo chown -R " + home.user_name + " " + path.path + "' gives it back";
    return {{finding, {}}};
  }
  unsigned right = path.wanted == Kind::directory ? 0700 : 0600;
  if ((path.mode & kModeBits) == right) return {};
  bool open = (path.mode & 077) != 0;
  finding.severity = Severity::warning;
  finding.what = path.path + " has mode " + octal(path.mode) +
                 (open ? ", which is more than its user's alone" : ", which keeps its user out");
  finding.remedy = "'ctl doctor --fix' makes it " + octal(right);
  return {{finding, {Mend::Kind::mode, {}, path.path, right}}};
}

std::vector<Found> findings(const HomeFacts& home) {
  std::vector<Found> out;
  if (home.narrowed_from) out.push_back(narrowed(home));
  for (const PathFacts& room : home.rooms)
    add(out, path_findings(home, room, std::nullopt));
  for (const string& stem : home.half_removed)
    out.push_back(half_removed(home, stem));
  add(out, long_sockets(home));
  add(out, system_findings(home));
  for (const AppFacts& app : home.apps)
    add(out, app_findings(home, app));
  return out;
}

}  // namespace keeper
