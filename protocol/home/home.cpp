#include "protocol/home/home.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>

#include "protocol/home/current_directory.hpp"
#include "protocol/home/datagram.hpp"
#include "protocol/home/proc.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;
using Clock = std::chrono::steady_clock;

constexpr int kDirectory = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kReadDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPrivateFile = 0600;
constexpr mode_t kOthers = 077;
constexpr std::size_t kMostSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr int kBacklog = 128;
constexpr Millis kLockRetry{5};
constexpr int kMostLost = 1000;  // times that the directory may be deleted while its lock is being taken
constexpr const char* kSpecFile = "spec.json";
constexpr std::size_t kMostSpec = 4 << 20;
constexpr std::size_t kMostStatus = 1 << 20;
constexpr std::size_t kMostPid = 32;
constexpr string_view kSocketSuffix = ".sock";
constexpr string_view kAskSuffix = ".ask";

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

/// Makes errno an Error: not_found if nothing is there, and an understandable reason for a link.
Error file_error(string doing) {
  Error error = system_error(std::move(doing));
  if (error.errnum == ENOENT) error.reason = Reason::not_found;
  if (error.errnum == ELOOP) error = {error.reason, error.doing, "it is a symbolic link", 0};
  return error;
}

// --- Directories

/// Opens `name` in `at`, never through a link; makes it if it is missing and `create` permits it.
Fd open_directory(int at, const char* name, Home::Create create) {
  Fd directory(openat(at, name, kDirectory));
  if (directory || errno != ENOENT || create == Home::Create::no) return directory;
  if (mkdirat(at, name, kPrivateDirectory) == 0) {
    // Restores the bits that a strict umask removed.
    if (fchmodat(at, name, kPrivateDirectory, 0) != 0) return {};
  } else if (errno != EEXIST) {
    return {};
  }
  return Fd(openat(at, name, kDirectory));
}

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

string parent_of(const string& path) {
  auto slash = path.rfind('/');
  if (slash == string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
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

/// Reads the user's entry in /etc/passwd without the name services, which a static program cannot load.
template <class Read>
void read_user(uid_t uid, Read read) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/etc/passwd", "re"), std::fclose);
  while (const passwd* user = file ? fgetpwent(file.get()) : nullptr)
    if (user->pw_uid == uid) return read(*user);
}

string user_text(uid_t uid) {
  string name = passwd_name(uid), number = "uid " + std::to_string(uid);
  return name.empty() ? number : name + " (" + number + ")";
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

Error foreign(const string& doing, const string& path, uid_t owner) {
  return {Reason::refused, doing,
          path + " belongs to " + user_text(owner) + ", not to " + user_text(geteuid()) + "; remove it", 0};
}

Error not_as_it_should_be(const string& doing, const string& path, mode_t mode, const char* wanted) {
  string what = S_ISLNK(mode) ? " is a symbolic link" : string(" is no ") + wanted;
  return {Reason::refused, doing, path + what + "; remove it", 0};
}

/// Opens a directory inside the home, as open_directory() does. `path` is for the error's text.
Result<Fd> open_own_directory(int at, const char* name, Home::Create create, const string& doing,
                              const string& path) {
  Fd directory = open_directory(at, name, create);
  struct stat found {};
  if (!directory && errno == ENOTDIR && fstatat(at, name, &found, AT_SYMLINK_NOFOLLOW) == 0)
    return not_as_it_should_be(doing, path, found.st_mode, "directory");
  if (!directory || fstat(directory.get(), &found) != 0) return file_error(doing);
  if (found.st_uid != geteuid()) return foreign(doing, path, found.st_uid);
  return directory;
}

// --- Files, relative to a directory

Done write_all(int file, string_view text) {
  while (!text.empty()) {
    ssize_t put = write(file, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error({});
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

/// Creates the temporary file beside the target. Its name is always the same, so the next writer replaces
/// what a killed writer left. The app's lock keeps two writers of one file apart.
Fd create_beside(int directory, const string& name) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd file(openat(directory, name.c_str(), flags, kPrivateFile));
  if (!file && errno == EEXIST && unlinkat(directory, name.c_str(), 0) == 0)
    file = Fd(openat(directory, name.c_str(), flags, kPrivateFile));
  return file;
}

Done fill(const Fd& file, string_view text, bool sync, mode_t mode) {
  if (fchmod(file.get(), mode) != 0) return system_error({});
  if (Done done = write_all(file.get(), text); !done) return done;
  if (sync && fdatasync(file.get()) != 0) return system_error({});
  return {};
}

Done sync_directory(int directory) {
  Fd open_one(openat(directory, ".", kReadDirectory));
  if (open_one && (fsync(open_one.get()) == 0 || errno == EINVAL)) return {};  // EINVAL: needs none
  return system_error({});
}

/// `path` is for the error's text.
Done write_at(int directory, const string& name, string_view text, bool sync, const string& path,
              mode_t mode = kPrivateFile) {
  auto cannot = [&](Error error) {
    error.doing = "write " + path;
    return error;
  };
  const string beside = "." + name + ".new";
  Fd file = create_beside(directory, beside);
  if (!file) return cannot(system_error({}, "making " + beside));
  Done done = fill(file, text, sync, mode);
  if (done && renameat(directory, beside.c_str(), directory, name.c_str()) != 0) done = system_error({});
  if (!done) {
    unlinkat(directory, beside.c_str(), 0);
    return cannot(done.error());
  }
  if (!sync) return {};
  if (done = sync_directory(directory); !done) return cannot(done.error());
  return {};
}

/// Reads until the end, or until one byte more than `most`.
Result<string> read_all(int file, std::size_t expected, std::size_t most) {
  string text;
  std::size_t room = std::min(expected, most) + 1;  // the extra byte finds the end without a second buffer
  for (std::size_t used = 0; used <= most;) {
    text.resize(room);
    ssize_t got = read(file, text.data() + used, room - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error({});
    used += static_cast<std::size_t>(got);
    text.resize(used);
    if (got == 0) break;
    if (used == room) room = std::min(std::max<std::size_t>(room * 2, 4096), most + 1);
  }
  return text;
}

enum class Owner { anybody, we };

Result<Fd> open_at(int directory, const char* name, const string& doing, Owner owner) {
  // O_NONBLOCK: a FIFO in the place of a file must not block.
  Fd file(openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat at {};
  if (!file || fstat(file.get(), &at) != 0) return file_error(doing);
  if (!S_ISREG(at.st_mode)) return Error{Reason::failed, doing, "it is no regular file", 0};
  if (owner == Owner::we && at.st_uid != geteuid()) return foreign(doing, "it", at.st_uid);
  return file;
}

/// Reads from its beginning.
Result<string> read_file(int file, std::size_t most, const string& doing) {
  struct stat at {};
  if (fstat(file, &at) != 0 || lseek(file, 0, SEEK_SET) != 0) return system_error(doing);
  Result<string> text = read_all(file, static_cast<std::size_t>(at.st_size), most);
  if (!text) return Error{Reason::failed, doing, {}, text.error().errnum};
  if (text->size() <= most) return text;
  return Error{Reason::too_large, doing, "it is larger than " + size_text(most), 0};
}

Result<string> read_at(int directory, const char* name, std::size_t most, const string& path, Owner owner) {
  const string doing = "read " + path;
  Result<Fd> file = open_at(directory, name, doing, owner);
  if (!file) return file.error();
  return read_file(file->get(), most, doing);
}

Directory read_directory(int at, const char* name) {
  Fd directory(openat(at, name, kReadDirectory));
  Directory reader(directory ? fdopendir(directory.get()) : nullptr, closedir);
  if (reader) directory.release();
  return reader;
}

bool is_dots(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

/// Removes a file, or a directory with its content; a link itself, not its target. Returns false and errno if
/// something is left.
bool remove_all(int at, const char* name) {
  if (unlinkat(at, name, 0) == 0 || errno == ENOENT) return true;
  if (errno != EISDIR) return false;
  if (Directory reader = read_directory(at, name))
    while (const dirent* entry = readdir(reader.get()))
      if (!is_dots(entry->d_name) && !remove_all(dirfd(reader.get()), entry->d_name)) return false;
  return unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

/// Returns the name of an app's directory while it is being removed.
string aside_name(string_view stem) {
  return "." + string(stem) + ".removed";
}

/// The next removal of the same app may move its directory to the same place.
bool remove_aside(int apps, const char* aside) {
  for (int tries = 0; tries < 100; ++tries) {
    if (remove_all(apps, aside)) return true;
    if (errno != ENOTEMPTY) return false;
  }
  return false;
}

/// Renames a foreign file that is in the place of a file of this program: NAME.damaged.
bool move_aside(int directory, const string& name) {
  const string aside = name + ".damaged";
  if (renameat(directory, name.c_str(), directory, aside.c_str()) == 0) return true;
  return remove_all(directory, aside.c_str()) &&
         renameat(directory, name.c_str(), directory, aside.c_str()) == 0;
}

// --- Names

Done check_stem(string_view stem, const string& doing) {
  if (AppId::parse(stem)) return {};
  return Error{Reason::invalid, doing, "'" + string(stem) + "' is no name for an app", 0};
}

string socket_name(string_view stem) {
  return string(stem) + string(kSocketSuffix);
}
string ask_name(string_view stem) {
  return string(stem) + string(kAskSuffix);
}

/// A suffix of directory entries, and the apps that they name.
struct Kind {
  string_view suffix;
  std::vector<AppId>& apps;
};

/// Lists the apps that the entries of one directory name, if the entries have that type (readdir(3); file
/// systems that do not report the type say DT_UNKNOWN).
void list(int home, const char* room, unsigned char type, std::initializer_list<Kind> kinds) {
  Directory reader = read_directory(home, room);
  while (const dirent* entry = reader ? readdir(reader.get()) : nullptr) {
    const string_view name = entry->d_name;
    if (entry->d_type != type && entry->d_type != DT_UNKNOWN) continue;
    for (const Kind& kind : kinds)
      if (name.ends_with(kind.suffix))
        if (auto id = AppId::parse(name.substr(0, name.size() - kind.suffix.size())))
          kind.apps.push_back(*std::move(id));
  }
  for (const Kind& kind : kinds)
    std::sort(kind.apps.begin(), kind.apps.end());
}

// --- Locks and sockets

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool take_lock(int file) {
  struct flock lock = whole_file();
  return fcntl(file, F_OFD_SETLK, &lock) == 0;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Returns `path` as an address if it fits, else a way through the directory's descriptor, which must stay
/// open.
sockaddr_un socket_address(const string& path, int directory, const string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  bool fits = path.size() <= kMostSocketPath;
  string through = fits ? path : "/proc/self/fd/" + std::to_string(directory) + "/" + name;
  // A legal name always fits the second way.
  std::memcpy(address.sun_path, through.data(), std::min(through.size(), kMostSocketPath));
  return address;
}

const sockaddr* plain(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Fd local_socket(int type) {
  return Fd(socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// Why connect(2) failed.
Error connect_error(string doing) {
  Error error = file_error(std::move(doing));
  if (error.errnum == ECONNREFUSED || error.errnum == EAGAIN) {
    error.reason = Reason::unreachable;
    error.about = error.errnum == EAGAIN ? "its queue is full" : "nobody listens there";
    error.errnum = 0;
  }
  return error;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  int taken = other.release();
  reset();
  fd_ = taken;
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

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
  read_user(geteuid(), [&](const passwd& user) { path = user.pw_dir; });
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
  return path_ + "/sock/" + socket_name(stem);
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

Result<Fd> Home::open_lock(string_view stem) const {
  string doing = "lock " + app_dir(stem);
  Result<Fd> app = open_app(stem, Create::yes, doing);
  if (!app) return app;
  Fd file(openat(app->get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kPrivateFile));
  struct stat at {};
  const string path = app_dir(stem) + "/lock";
  const int error = errno;
  const bool there = file
                         ? fstat(file.get(), &at) == 0
                         : fstatat(app->get(), "lock", &at, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(at.st_mode);
  errno = file ? errno : error;
  if (!there) return file_error(doing);
  if (!S_ISREG(at.st_mode)) return not_as_it_should_be(doing, path, at.st_mode, "regular file");
  if (at.st_uid != owner_) return foreign(doing, path, at.st_uid);
  return file;
}

Result<Fd> Home::open_state_in(int app, const string& doing) const {
  Fd file(openat(app, "state", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kPrivateFile));
  struct stat st {};
  if (!file || fstat(file.get(), &st) != 0) return file_error(doing);
  if (!S_ISREG(st.st_mode)) return Error{Reason::refused, doing, "it is no file", 0};
  if (st.st_uid != owner_) return Error{Reason::refused, doing, "it belongs to " + user_text(st.st_uid), 0};
  return file;
}

Result<Fd> Home::open_state(string_view stem) const {
  const string doing = "open " + state_path(stem);
  Result<Fd> app = open_app(stem, Create::yes, doing);
  if (!app) return app;
  Result<Fd> file = open_state_in(app->get(), doing);
  struct stat at {};
  if (file || fstatat(app->get(), "state", &at, AT_SYMLINK_NOFOLLOW) != 0) return file;
  const bool ours = S_ISREG(at.st_mode) && at.st_uid == owner_ && (at.st_mode & kPrivateFile) == kPrivateFile;
  if (ours || !move_aside(app->get(), "state")) return file;
  return open_state_in(app->get(), doing);
}

bool Home::is_lock_of(string_view stem, int file) const {
  struct stat ours {
  }, there{};
  Result<Fd> app = open_app(stem, Create::no, {});
  if (!app || fstat(file, &ours) != 0) return false;
  if (fstatat(app->get(), "lock", &there, AT_SYMLINK_NOFOLLOW) != 0 || !same_file(ours, there)) return false;
  // A strict umask must not keep the next process from opening it.
  if ((ours.st_mode & ALLPERMS) != kPrivateFile) fchmod(file, kPrivateFile);
  return true;
}

Result<Fd> Home::lock(string_view stem, Millis wait) const {
  const auto deadline = Clock::now() + wait;
  const string doing = "lock " + app_dir(stem);
  for (int lost = 0; lost < kMostLost;) {
    Result<Fd> file = open_lock(stem);
    if (!file && file.error().reason != Reason::not_found) return file;
    if (!file) {
      ++lost;  // deleted between making the directory and opening the file
    } else if (take_lock(file->get())) {
      if (is_lock_of(stem, file->get())) return file;
      ++lost;  // this is the lock of an app that was deleted meanwhile
    } else {
      if (errno != EAGAIN && errno != EACCES && errno != EINTR) return system_error(doing);
      auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - Clock::now());
      if (left.count() <= 0) return Error{Reason::already, doing, "another process holds it", 0};
      timespec pause{0, std::min<std::chrono::nanoseconds>(left, kLockRetry).count()};
      nanosleep(&pause, nullptr);
    }
  }
  return Error{Reason::failed, doing, "the directory does not stay there", 0};
}

bool Home::locked(string_view stem) const {
  Result<Fd> app = open_app(stem, Create::no, {});
  if (!app) return false;
  Fd file(openat(app->get(), "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct flock lock = whole_file();
  return file && fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

Result<Fd> Home::bind_socket(string_view stem) const {
  const string name = socket_name(stem), doing = "listen at " + socket_path(stem);
  if (Done done = check_stem(stem, doing); !done) return done.error();
  Result<Fd> listener = bind_at(name, SOCK_STREAM, doing);
  if (listener && listen(listener->get(), kBacklog) != 0) return file_error(doing);
  return listener;
}

Result<Fd> Home::bind_ask_socket(string_view stem) const {
  const string name = ask_name(stem), doing = "be asked at " + path_ + "/sock/" + name;
  if (Done done = check_stem(stem, doing); !done) return done.error();
  return bind_at(name, SOCK_DGRAM, doing);
}

std::optional<sockaddr_un> Home::ask_address(string_view stem) const {
  const string name = ask_name(stem), path = path_ + "/sock/" + name;
  if (path.size() > kMostSocketPath) return std::nullopt;
  return socket_address(path, -1, name);
}

/// Binds a socket of that name in sock/, in place of what is there.
Result<Fd> Home::bind_at(const string& name, int type, const string& doing) const {
  const string path = path_ + "/sock/" + name;
  Result<Fd> directory = open_own_directory(directory_.get(), "sock", Create::yes, doing, path_ + "/sock");
  if (!directory) return directory;
  Fd listener = local_socket(type);
  if (!listener || (type == SOCK_DGRAM && !pass_credentials(listener.get()))) return file_error(doing);
  if (unlinkat(directory->get(), name.c_str(), 0) != 0 && errno != ENOENT) return file_error(doing);
  sockaddr_un address = socket_address(path, directory->get(), name);
  // The mode before bind(2) keeps other users out from the first moment (Linux takes it for the file); the
  // one after it restores what a strict umask removed.
  if (fchmod(listener.get(), kPrivateFile) != 0 ||
      bind(listener.get(), plain(address), sizeof address) != 0 ||
      fchmodat(directory->get(), name.c_str(), kPrivateFile, 0) != 0)
    return file_error(doing);
  return listener;
}

void Home::unlink_socket(string_view stem) const {
  Fd directory = open_directory(directory_.get(), "sock", Create::no);
  if (!directory || !AppId::parse(stem)) return;
  unlinkat(directory.get(), ask_name(stem).c_str(), 0);
  unlinkat(directory.get(), socket_name(stem).c_str(), 0);
}

/// connect(2) would follow links, of the socket and of the directory.
Done Home::check_socket(const string& name, const string& path, const string& doing) const {
  struct stat at {};
  if (fstatat(directory_.get(), "sock", &at, AT_SYMLINK_NOFOLLOW) != 0) return file_error(doing);
  if (!S_ISDIR(at.st_mode)) return not_as_it_should_be(doing, path_ + "/sock", at.st_mode, "directory");
  if (at.st_uid != owner_) return foreign(doing, path_ + "/sock", at.st_uid);
  if (fstatat(directory_.get(), ("sock/" + name).c_str(), &at, AT_SYMLINK_NOFOLLOW) != 0)
    return file_error(doing);
  if (!S_ISSOCK(at.st_mode)) return not_as_it_should_be(doing, path, at.st_mode, "socket");
  if (at.st_uid != owner_) return foreign(doing, path, at.st_uid);
  return {};
}

Result<Fd> Home::connect_socket(string_view stem, Listed listed) const {
  const string path = socket_path(stem), name = socket_name(stem), doing = "connect to " + path;
  if (Done done = check_stem(stem, doing); !done) return done.error();
  if (listed == Listed::no)
    if (Done done = check_socket(name, path, doing); !done) return done.error();
  // Uses its path if that fits, which is cheaper: a list connects to a thousand of them.
  Fd directory;
  if (path.size() > kMostSocketPath) {
    directory = open_directory(directory_.get(), "sock", Create::no);
    if (!directory) return file_error(doing);
  }
  Fd connection = local_socket(SOCK_STREAM);
  if (!connection) return system_error(doing);
  sockaddr_un address = socket_address(path, directory.get(), name);
  if (connect(connection.get(), plain(address), sizeof address) != 0) return connect_error(doing);
  // The owner of the listening process says more than the owner of the file.
  if (listed == Listed::no)
    if (Done done = check_listener(connection.get(), doing); !done) return done.error();
  return connection;
}

Done Home::check_listener(int connection, const string& doing) const {
  ucred listener{};
  socklen_t size = sizeof listener;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &listener, &size) != 0) return system_error(doing);
  if (listener.uid != owner_)
    return Error{Reason::refused, doing, user_text(listener.uid) + " listens there", 0};
  return {};
}

Home::Sockets Home::all_sockets() const {
  Sockets out;
  list(directory_.get(), "sock", DT_SOCK, {{kSocketSuffix, out.listening}, {kAskSuffix, out.asked}});
  return out;
}
std::vector<AppId> Home::apps() const {
  std::vector<AppId> out;
  list(directory_.get(), "apps", DT_DIR, {{{}, out}});
  return out;
}

Done Home::write_record(string_view stem, const char* name, string_view text, bool sync) const {
  const string path = app_dir(stem) + "/" + name;
  Result<Fd> app = open_app(stem, Create::no, "write " + path);
  if (!app) return app.error();
  Done done = write_at(app->get(), name, text, sync, path);
  if (done || done.error().errnum != EISDIR || !move_aside(app->get(), name)) return done;
  return write_at(app->get(), name, text, sync, path);
}

Result<string> Home::read_record(string_view stem, const char* name, std::size_t most) const {
  const string path = app_dir(stem) + "/" + name;
  Result<Fd> app = open_app(stem, Create::no, "read " + path);
  if (!app) return app.error();
  return read_at(app->get(), name, most, path, Owner::we);
}

Done Home::write_spec(string_view stem, const Spec& spec) const {
  return write_record(stem, kSpecFile, spec_text(spec), true);
}

Fd Home::private_spec(string_view stem, Fd file) const {
  struct stat at {};
  if (fstat(file.get(), &at) != 0 || at.st_nlink == 0) return file;
  const Result<Fd> app = open_app(stem, Create::no, {});
  const Result<string> text = read_file(file.get(), kMostSpec, {});
  if (!app || !text) return file;
  Fd copy(openat(app->get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, kPrivateFile));
  const timespec times[2] = {at.st_atim, at.st_mtim};
  if (!copy || !write_all(copy.get(), *text) || futimens(copy.get(), times) != 0) return file;
  return copy;
}

Done Home::write_status(string_view stem, const Status& status, const std::vector<RunRecord>& runs) const {
  return write_record(stem, "status.json", record_text(status, runs), false);
}

Result<Fd> Home::open_spec(string_view stem) const {
  const string path = spec_path(stem), doing = "read " + path;
  Result<Fd> app = open_app(stem, Create::no, doing);
  if (!app) return app.error();
  return open_at(app->get(), kSpecFile, doing, Owner::we);
}

Result<Spec> Home::read_spec(string_view stem) const {
  Result<Fd> file = open_spec(stem);
  if (!file) return file.error();
  return read_spec(stem, file->get());
}

Result<Spec> Home::read_spec(string_view stem, int file) const {
  Result<string> text = read_file(file, kMostSpec, "read " + spec_path(stem));
  if (!text) return text.error();
  Result<Spec> spec = parse_spec(*text);
  if (!spec) return Error{Reason::invalid, "read " + spec_path(stem), spec.error().text(), 0};
  // The directory gives the name: a copied record belongs to another app, and no name may lead out of here.
  AppId id = *AppId::parse(stem);
  spec->name = std::move(id.name);
  spec->instance = id.instance;
  return spec;
}

Result<Status> Home::read_status(string_view stem) const {
  Result<string> text = read_record(stem, "status.json", kMostStatus);
  if (!text) return text.error();
  Result<Status> status = read_as<Status>(*text);
  if (!status) return Error{Reason::invalid, "read " + status_path(stem), status.error().text(), 0};
  if (has_keeper(status->state) && !still_runs(*status)) take_newer_pid(stem, *status);
  return status;
}

/// The pid file is written at once for each run, the record a moment later.
void Home::take_newer_pid(string_view stem, Status& status) const {
  if (status.boot_id != boot_id()) return;
  auto text = read_record(stem, "pid", kMostPid);
  const int pid = text ? std::atoi(text->c_str()) : 0;
  auto start = process_start(pid);
  RunSigns signs{.marks = {"KEEPER_NAME=" + status.name}};
  if (auto user = user_of(pid); user && passwd_name(*user) == status.user) signs.user = user;
  if (!start || !belongs_to_run(pid, signs)) return;
  status.pid = pid;
  status.pid_start = start;
}

std::vector<RunRecord> Home::read_runs(string_view stem) const {
  Result<string> text = read_record(stem, "status.json", kMostStatus);
  if (!text) return {};
  Result<RunHistory> history = read_as<RunHistory>(*text);
  return history ? std::move(history->runs) : std::vector<RunRecord>();
}

Done Home::remove_app(string_view stem) const {
  const string doing = "remove " + app_dir(stem);
  if (Done done = check_stem(stem, doing); !done) return done;
  Fd apps = open_directory(directory_.get(), "apps", Create::no);
  if (!apps) return file_error(doing);
  // Moves it out of the way in one step: a process that starts the app meanwhile gets a directory of its own,
  // which is not deleted here. Removes the rest of an interrupted removal of that name first.
  const string name(stem), aside = aside_name(stem);
  if (!remove_aside(apps.get(), aside.c_str()) ||
      renameat(apps.get(), name.c_str(), apps.get(), aside.c_str()) != 0 ||
      !remove_aside(apps.get(), aside.c_str()))
    return file_error(doing);
  return {};
}

Done Home::finish_removal(string_view stem) const {
  const string doing = "remove " + path_ + "/apps/" + aside_name(stem);
  if (Done done = check_stem(stem, doing); !done) return done;
  Fd apps = open_directory(directory_.get(), "apps", Create::no);
  if (!apps || !remove_aside(apps.get(), aside_name(stem).c_str())) return file_error(doing);
  return {};
}

Done write_file_atomically(const string& path, string_view text, bool sync, unsigned mode) {
  Fd directory(::open(parent_of(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return file_error("write " + path);
  return write_at(directory.get(), path.substr(path.rfind('/') + 1), text, sync, path, mode);
}

Done write_file_at(int directory, const string& name, string_view text, bool sync, const string& path,
                   unsigned mode) {
  return write_at(directory, name, text, sync, path, mode);
}

Result<string> read_file(const string& path, std::size_t most) {
  return read_at(AT_FDCWD, path.c_str(), most, path, Owner::anybody);
}

string passwd_name(unsigned uid) {
  string name;
  read_user(uid, [&](const passwd& user) { name = user.pw_name; });
  return name;
}

std::optional<std::uint64_t> process_start(int pid) {
  if (pid <= 0) return std::nullopt;
  char path[32], text[1024];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  long got = read_proc(path, text, sizeof text);
  if (got <= 0) return std::nullopt;
  string_view fields(text, static_cast<std::size_t>(got));
  auto name_end = fields.rfind(')');  // the name may hold any character, also ')'
  if (name_end == string_view::npos || name_end + 2 >= fields.size()) return std::nullopt;
  fields.remove_prefix(name_end + 2);
  if (fields.front() == 'Z' || fields.front() == 'X') return std::nullopt;
  for (int field = 3; field < 22; ++field) {
    auto space = fields.find(' ');
    if (space == string_view::npos) return std::nullopt;
    fields.remove_prefix(space + 1);
  }
  std::uint64_t start = 0;
  auto [end, error] = std::from_chars(fields.data(), fields.data() + fields.size(), start);
  if (error != std::errc()) return std::nullopt;
  return start;
}

string boot_id() {
  char text[64];
  long got = read_proc("/proc/sys/kernel/random/boot_id", text, sizeof text);
  string id(text, static_cast<std::size_t>(std::max(got, 0L)));
  while (id.ends_with('\n'))
    id.pop_back();
  return id;
}

}  // namespace keeper
