#include "protocol/base/sockets.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

#include "protocol/base/clock.hpp"
#include "protocol/base/escape.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr string_view kSocket = "socket:[";
constexpr std::uint32_t kMapped = 0xffff;

template <class N>
N number(string_view text, int base) {
  N out{};
  std::from_chars(text.data(), text.data() + text.size(), out, base);
  return out;
}

/// Reads "0100007F:0050": the address in words of 32 bits, in host order. Returns false for other text.
bool read_place(string_view text, SocketPlace& out) {
  const auto colon = text.find(':');
  if (colon != 8 && colon != 32) return false;
  out.six = colon == 32;
  for (std::size_t i = 0; i < colon / 8; ++i)
    out.address[out.six ? i : 3] = number<std::uint32_t>(text.substr(i * 8, 8), 16);
  if (!out.six) out.address[2] = htonl(kMapped);
  out.port = number<std::uint16_t>(text.substr(colon + 1), 16);
  return true;
}

/// Reads "  0: 0100007F:0050 00000000:0000 0A ...".
std::optional<InternetSocket> read_row(string_view text) {
  constexpr std::size_t kLocal = 1, kRemote = 2, kState = 3, kUser = 7, kInode = 9;
  std::array<string_view, kInode + 1> fields;
  for (string_view& field : fields) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    field = text.substr(0, text.find(' '));
    text.remove_prefix(field.size());
  }
  InternetSocket out;
  if (!read_place(fields[kLocal], out.local) || !read_place(fields[kRemote], out.remote)) return std::nullopt;
  out.state = number<unsigned>(fields[kState], 16);
  out.socket = {number<std::uint64_t>(fields[kInode], 10), number<unsigned>(fields[kUser], 10)};
  return out;
}

/// Returns how well a listening socket matches; the kernel takes the best (inet_lookup_listener). 0: not.
int rank(const SocketPlace& listens, const SocketPlace& wanted) {
  if (listens.port != wanted.port) return 0;
  if (listens.address == wanted.address) return 3;
  if (!listens.is_any()) return 0;
  if (listens.is_v4() == wanted.is_v4()) return 2;
  return wanted.is_v4() ? 1 : 0;
}

/// Passes on each listening TCP socket. They come first in a table: the rest, which may be long, is not read.
template <class F>
void for_each_listening(F&& each) {
  for (const char* path : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    const Fd file(open(path, O_RDONLY | O_CLOEXEC));
    InternetTable table;
    char bytes[16 * 1024];
    bool more = true;
    while (file && more) {
      const ssize_t got = read(file.get(), bytes, sizeof bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      more = table.take({bytes, static_cast<std::size_t>(got)}, [&](const InternetSocket& one) {
        if (one.state != kListens) return false;
        each(one);
        return true;
      });
    }
  }
}

/// Returns false if this user may not look.
template <class F>
bool for_each_socket(int pid, F&& each) {
  const string path = "/proc/" + std::to_string(pid) + "/fd";
  std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  while (const dirent* entry = directory ? readdir(directory.get()) : nullptr) {
    char target[64];
    const ssize_t got = readlinkat(dirfd(directory.get()), entry->d_name, target, sizeof target);
    const string_view text(target, got > 0 ? static_cast<std::size_t>(got) : 0);
    if (text.starts_with(kSocket)) each(number<std::uint64_t>(text.substr(kSocket.size()), 10));
  }
  return directory != nullptr;
}

}  // namespace

bool SocketPlace::is_v4() const {
  return address[0] == 0 && address[1] == 0 && address[2] == htonl(kMapped);
}

bool SocketPlace::is_any() const {
  return address[3] == 0 && (is_v4() || address == decltype(address){});
}

string SocketPlace::text() const {
  char out[INET6_ADDRSTRLEN];
  inet_ntop(six ? AF_INET6 : AF_INET, six ? address.data() : &address[3], out, sizeof out);
  return (six ? "[" + string(out) + "]:" : string(out) + ":") + std::to_string(port);
}

SocketPlace place_of(const sockaddr_storage& address) {
  SocketPlace out;
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    out.address = {0, 0, htonl(kMapped), four.sin_addr.s_addr};
    out.port = ntohs(four.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(out.address.data(), &six.sin6_addr, sizeof out.address);
    out.port = ntohs(six.sin6_port);
  }
  return out;
}

bool InternetTable::take(string_view bytes, const Each& each) {
  text_ += bytes;
  std::size_t at = 0;
  bool more = true;
  for (std::size_t end = 0; more && (end = text_.find('\n', at)) != string::npos; at = end + 1) {
    const auto row = read_row(string_view(text_).substr(at, end - at));
    if (row && (row->socket.inode == 0 || seen_.insert(row->socket.inode).second)) more = each(*row);
  }
  text_.erase(0, at);
  return more;
}

std::optional<std::set<std::uint64_t>> socket_inodes_of(int pid) {
  std::set<std::uint64_t> out;
  if (!for_each_socket(pid, [&](std::uint64_t inode) { out.insert(inode); })) return std::nullopt;
  return out;
}

std::vector<ListeningSocket> listening_at(const sockaddr_storage& address) {
  const SocketPlace wanted = place_of(address);
  std::vector<ListeningSocket> out;
  int best = 1;
  for_each_listening([&](const InternetSocket& one) {
    const int suits = rank(one.local, wanted);
    if (suits < best) return;
    if (suits > best) out.clear();
    best = suits;
    out.push_back(one.socket);
  });
  return out;
}

std::vector<ListeningSocket> listening_at_port(int port) {
  std::vector<ListeningSocket> out;
  for_each_listening([&](const InternetSocket& one) {
    if (one.local.port == port) out.push_back(one.socket);
  });
  return out;
}

std::vector<ListeningSocket> listening_behind(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return listening_at(address);
}

std::optional<bool> has_socket_of(int pid, const std::vector<ListeningSocket>& sockets) {
  bool found = false;
  const bool seen = for_each_socket(pid, [&](std::uint64_t inode) {
    for (const ListeningSocket& one : sockets)
      found = found || one.inode == inode;
  });
  return seen ? std::optional(found) : std::nullopt;
}

int process_that_has(const std::vector<ListeningSocket>& sockets, Millis at_most) {
  const Millis until = steady_now() + at_most;
  int keeper = 0;
  for (const int pid : all_processes()) {
    if (steady_now() > until) break;
    if (!has_socket_of(pid, sockets).value_or(false)) continue;
    if (!runs_program(pid, "keeper")) return pid;
    keeper = pid;
  }
  return keeper;
}

string process_text(int pid) {
  char name[64];
  const long got = read_proc(("/proc/" + std::to_string(pid) + "/comm").c_str(), name, sizeof name);
  string text(name, static_cast<std::size_t>(std::max(got, 0L)));
  if (text.ends_with('\n')) text.pop_back();
  return "pid " + std::to_string(pid) + (text.empty() ? "" : " (" + escaped(text) + ")");
}

}  // namespace keeper
