#include "protocol/home/sockets.hpp"

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
#include <utility>

#include "protocol/home/clock.hpp"
#include "protocol/home/home.hpp"
#include "protocol/home/proc.hpp"
#include "protocol/wire/escape.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr Millis kLookAtMost{100};
constexpr string_view kSocket = "socket:[";

/// As of IPv6: an IPv4 address is a mapped one.
using Words = std::array<std::uint32_t, 4>;
constexpr std::uint32_t kMapped = 0xffff;

struct Place {
  Words address{};
  std::uint16_t port = 0;
  bool is_v4() const { return address[0] == 0 && address[1] == 0 && address[2] == htonl(kMapped); }
  bool is_any() const { return address[3] == 0 && (is_v4() || address == Words{}); }
};

Place place_of(const sockaddr_storage& address) {
  Place out;
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

template <class N>
N number(string_view text, int base) {
  N out{};
  std::from_chars(text.data(), text.data() + text.size(), out, base);
  return out;
}

struct Line {
  Place local;
  unsigned state = 0;
  ListeningSocket socket;
};

/// "  0: 0100007F:0050 00000000:0000 0A ...": the address in words of 32 bits, as the machine has them.
bool read_line(string_view text, Line& out) {
  constexpr std::size_t kLocal = 1, kState = 3, kUser = 7, kInode = 9;
  std::array<string_view, kInode + 1> fields;
  for (string_view& field : fields) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    field = text.substr(0, text.find(' '));
    text.remove_prefix(field.size());
  }
  const string_view local = fields[kLocal];
  const auto colon = local.find(':');
  if (colon != 8 && colon != 32) return false;
  out.local = {};
  for (std::size_t i = 0; i < colon / 8; ++i)
    out.local.address[colon == 8 ? 3 : i] = number<std::uint32_t>(local.substr(i * 8, 8), 16);
  if (colon == 8) out.local.address[2] = htonl(kMapped);
  out.local.port = number<std::uint16_t>(local.substr(colon + 1), 16);
  out.state = number<unsigned>(fields[kState], 16);
  out.socket = {number<std::uint64_t>(fields[kInode], 10), number<unsigned>(fields[kUser], 10)};
  return true;
}

/// How well a listening socket suits an address; the kernel takes the best (inet_lookup_listener). 0: not.
int rank(const Place& listens, const Place& wanted) {
  if (listens.port != wanted.port) return 0;
  if (listens.address == wanted.address) return 3;
  if (!listens.is_any()) return 0;
  if (listens.is_v4() == wanted.is_v4()) return 2;
  return wanted.is_v4() ? 1 : 0;
}

/// Those that listen are the first of a table: the rest, which may be long, is not read.
void add_best(const char* table, const Place& wanted, int& best, std::vector<ListeningSocket>& out) {
  constexpr unsigned kListens = 10;  // TCP_LISTEN
  const Fd file(open(table, O_RDONLY | O_CLOEXEC));
  string text;
  char bytes[16 * 1024];
  bool title = true;
  while (file) {
    const ssize_t got = read(file.get(), bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    text.append(bytes, static_cast<std::size_t>(got));
    std::size_t at = 0;
    for (std::size_t end = 0; (end = text.find('\n', at)) != string::npos; at = end + 1) {
      Line line;
      if (std::exchange(title, false) || !read_line(string_view(text).substr(at, end - at), line)) continue;
      if (line.state != kListens) return;
      const int suits = rank(line.local, wanted);
      if (suits == 0 || suits < best) continue;
      if (suits > best) out.clear();
      best = suits;
      out.push_back(line.socket);
    }
    text.erase(0, at);
  }
}

/// False: nobody may look.
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

std::optional<std::set<std::uint64_t>> socket_inodes_of(int pid) {
  std::set<std::uint64_t> out;
  if (!for_each_socket(pid, [&](std::uint64_t inode) { out.insert(inode); })) return std::nullopt;
  return out;
}

std::vector<ListeningSocket> listening_at(const sockaddr_storage& address) {
  const Place wanted = place_of(address);
  std::vector<ListeningSocket> out;
  int best = 0;
  for (const char* table : {"/proc/self/net/tcp", "/proc/self/net/tcp6"})
    add_best(table, wanted, best, out);
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

int process_that_has(const std::vector<ListeningSocket>& sockets) {
  const Millis until = steady_now() + kLookAtMost;
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
