#include "protocol/store/home.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "protocol/base/current_directory.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/base/users.hpp"
#include "protocol/store/home_inside.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;
using namespace inside;

constexpr mode_t kOthers = 077;

Result<string> absolute(string path) {
  if (path.empty() || path.front() != '/') {
    const Result<string> here = current_directory();
    if (!here) return here.error();
    path = *here + "/" + path;
  }
  // The kernel would follow "link/" and "link/.".
  while (path.size() > 1 && (path.ends_with('/') || path.ends_with("/.")))
    path.pop_back();
  return path;
}

Done make_parents(const string& path) {
  string parent = parent_of(path);
  if (mkdir(parent.c_str(), 0777) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return system_error("make the directory " + parent);
  if (Done done = make_parents(parent); !done) return done;
  if (mkdir(parent.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return system_error("make the directory " + parent);
}

/// Opens the home; makes it if it is missing and `create` permits it.
Result<Fd> open_home(const string& path, Home::Create create) {
  Fd directory(::open(path.c_str(), kDirectory));
  if (!directory && errno == ENOENT && create == Home::Create::yes) {
    if (Done done = make_parents(path); !done) return done.error();
    directory = open_directory(AT_FDCWD, path.c_str(), create);
  }
  if (directory) return directory;
  Error error = file_error("open the directory " + path);
  struct stat at {};
  if (error.errnum == ENOTDIR && lstat(path.c_str(), &at) == 0) {
    if (S_ISLNK(at.st_mode))
      return Error{Reason::refused, error.doing,
                   "it is a symbolic link; set KEEPER_HOME to the directory that it points to", 0};
    return Error{Reason::refused, error.doing, "it is no directory; set KEEPER_HOME to one", 0};
  }
  return error;
}

/// Makes the directory private: refuses another owner, narrows a mode that lets others in.
Done make_private(const string& path, int directory, const struct stat& at) {
  string doing = "use the directory " + path;
  if (at.st_uid != geteuid())
    return Error{Reason::refused, doing,
                 "it belongs to " + user_text(at.st_uid) + ", not to " + user_text(geteuid()) +
                     "; set KEEPER_HOME to a directory of your own",
                 0};
  if ((at.st_mode & kOthers) == 0) return {};
  // Narrowing these would lock every user out of the machine, for a slip in KEEPER_HOME.
  if (path == "/" || (at.st_mode & S_ISVTX) != 0)
    return Error{Reason::refused, doing,
                 "it is shared with others; set KEEPER_HOME to a directory of its own", 0};
  if (fchmodat(directory, ".", kPrivateDirectory, 0) == 0) return {};
  return system_error(doing, "others may enter it, and that cannot be changed");
}

}  // namespace

std::optional<AppId> AppId::parse(string_view stem) {
  AppId id;
  auto colon = stem.find(':');
  if (colon != string_view::npos) {
    string_view number = stem.substr(colon + 1);
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), id.instance);
    // There is one spelling of each: not "api:0", not "api:02".
    if (error != std::errc() || end != stem.data() + stem.size() || id.instance < 1 || number.front() == '0')
      return std::nullopt;
  }
  id.name = stem.substr(0, colon);
  if (!check_name(id.name)) return std::nullopt;
  return id;
}

namespace {

/// sudo -E and su leave HOME as it was: files that are made in it stay in its owner's way for good. An
/// existing home of this user there is used.
Done check_owner(const string& users, const string& path) {
  struct stat at {
  }, home{};
  if (stat(users.c_str(), &at) != 0 || at.st_uid == geteuid() || at.st_uid == 0) return {};
  if (lstat(path.c_str(), &home) == 0 && home.st_uid == geteuid()) return {};
  return Error{Reason::refused, "use the directory " + path,
               "HOME, " + users + ", belongs to " + user_text(at.st_uid) + ", and this is " +
                   user_text(geteuid()) + "; use sudo -H, or set KEEPER_HOME to a directory of your own",
               0};
}

}  // namespace

Result<string> Home::default_path() {
  if (const char* home = std::getenv("KEEPER_HOME"); home && *home) return absolute(home);
  if (const char* home = std::getenv("HOME"); home && *home) {
    Result<string> path = absolute(string(home) + "/.keeper");
    if (path)
      if (Done done = check_owner(home, *path); !done) return done.error();
    return path;
  }
  string path;
  path = passwd_home(geteuid());
  if (!path.empty()) return absolute(path + "/.keeper");
  return Error{Reason::not_found, "find the home directory of " + user_text(geteuid()),
               "neither KEEPER_HOME nor HOME is set, and /etc/passwd does not name one", 0};
}

Result<Home> Home::open(string wish, Create create) {
  Result<string> path = absolute(std::move(wish));
  if (!path) return path.error();
  Result<Fd> directory = open_home(*path, create);
  if (!directory) return directory.error();
  struct stat at {};
  if (fstat(directory->get(), &at) != 0) return system_error("open the directory " + *path);
  if (Done done = make_private(*path, directory->get(), at); !done) return done.error();
  Home home(*std::move(path), *std::move(directory), at.st_uid);
  if (create == Create::yes)
    if (Done done = home.make_rooms(); !done) return done.error();
  return home;
}

Done Home::make_rooms() const {
  for (const char* room : {"sock", "apps", "logs"}) {
    struct stat at {};
    bool there = fstatat(directory_.get(), room, &at, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && S_ISDIR(at.st_mode) && at.st_uid == owner_) continue;
    const string path = path_ + "/" + room,
                 doing = (there ? "use the directory " : "make the directory ") + path;
    if (auto made = open_own_directory(directory_.get(), room, Create::yes, doing, path); !made)
      return made.error();
  }
  return {};
}

string Home::socket_path(string_view stem) const {
  return path_ + "/sock/" + string(stem) + string(kSocketSuffix);
}
string Home::app_dir(string_view stem) const {
  return path_ + "/apps/" + string(stem);
}
string Home::spec_path(string_view stem) const {
  return app_dir(stem) + "/" + kSpecFile;
}
string Home::status_path(string_view stem) const {
  return app_dir(stem) + "/status.json";
}
string Home::state_path(string_view stem) const {
  return app_dir(stem) + "/state";
}
string Home::pid_path(string_view stem) const {
  return app_dir(stem) + "/pid";
}
string Home::log_path(string_view stem) const {
  return path_ + "/logs/" + string(stem) + ".log";
}

string Home::error_log_path(string_view stem) const {
  return path_ + "/logs/" + string(stem) + ".err.log";
}

ActingUser Home::acting_user(const Spec& spec) const {
  ActingUser out = keeper::acting_user(spec.run_as);
  struct stat st {};
  if (!out.acts || fstat(directory_.get(), &st) != 0) return out;
  out.home_device = st.st_dev;
  out.home_inode = st.st_ino;
  return out;
}

Result<Fd> Home::open_app(string_view stem, Create create, const string& doing) const {
  if (Done done = check_stem(stem, doing); !done) return done.error();
  Result<Fd> apps = open_own_directory(directory_.get(), "apps", create, doing, path_ + "/apps");
  if (!apps) return apps;
  return open_own_directory(apps->get(), string(stem).c_str(), create, doing, app_dir(stem));
}

}  // namespace keeper
