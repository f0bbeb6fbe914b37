// The sockets of an app in its home, and the apps of the home that have one.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "protocol/base/datagram.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/users.hpp"
#include "protocol/store/home_inside.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;
using namespace inside;

constexpr std::size_t kMostSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr int kBacklog = 128;
constexpr string_view kAskSuffix = ".ask";

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

}  // namespace keeper
