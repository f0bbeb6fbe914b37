#include "keeper/child/getent.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "protocol/base/fd.hpp"

extern char** environ;

namespace keeper {
namespace {

using std::string;
using std::string_view;

/// "fe80::1%eth0" is an address too.
bool is_address(const string& host) {
  in6_addr six{};
  in_addr four{};
  return inet_pton(AF_INET, host.c_str(), &four) == 1 ||
         inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &six) == 1;
}

}  // namespace

string ask_getent(const char* getent, const char* database, const string& key) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) < 0) return {};
  Fd reading(ends[0]), writing(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::array<const char*, 5> argv = {"getent", "--", database, key.c_str(), nullptr};
  pid_t pid = 0;
  int failed = posix_spawnp(&pid, getent, &actions, nullptr, const_cast<char* const*>(argv.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  writing.reset();
  if (failed != 0) return {};
  string out;
  char chunk[4096];
  for (ssize_t got; out.size() < (64 << 10) && (got = read(reading.get(), chunk, sizeof chunk)) != 0;)
    if (got > 0)
      out.append(chunk, static_cast<std::size_t>(got));
    else if (errno != EINTR)
      break;
  reading.reset();
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return out;
}

/// Reads lines like "::1             STREAM localhost", one for each kind of socket.
Result<string> addresses_of(const string& host, const char* getent) {
  if (is_address(host)) return host;
  string said = ask_getent(getent, "ahosts", host), out;
  for (string_view rest = said; !rest.empty();) {
    string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    string address(line.substr(0, line.find(' ')));
    bool known = (" " + out + " ").find(" " + address + " ") != string::npos;
    if (is_address(address) && !known) out += (out.empty() ? "" : " ") + address;
  }
  if (!out.empty()) return out;
  return Error{Reason::not_found,
               {},
               "there is no host '" + host + "' (a name that 'getent ahosts' shows, or an address)",
               0};
}

}  // namespace keeper
