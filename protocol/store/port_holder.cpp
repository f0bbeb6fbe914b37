#include "protocol/store/port_holder.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "protocol/base/files.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/base/sockets.hpp"
#include "protocol/store/find_run.hpp"
#include "protocol/store/ports.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr Millis kLookAtMost{2000};

bool same_letter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

bool says_in_use(string_view line) {
  for (string_view words : {"EADDRINUSE", "address already in use", "address in use"})
    if (std::search(line.begin(), line.end(), words.begin(), words.end(), same_letter) != line.end())
      return true;
  return false;
}

/// Returns the number after the last colon (or "port ") of a line; 0: none.
int port_in(string_view line) {
  int out = 0;
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    const bool behind_word = line.substr(0, i + 1).ends_with("port ");
    if (line[i] != ':' && !behind_word) continue;
    int number = 0;
    const char* const last = line.data() + line.size();
    const auto [end, error] = std::from_chars(line.data() + i + 1, last, number);
    // A word that begins with digits, or a part of an IPv6 address, is not an address with a port.
    const auto is_part = [&](const char* at) {
      return at < last && (*at == ':' || std::isalnum(static_cast<unsigned char>(*at)) != 0);
    };
    const bool whole = !is_part(end) || (*end == ':' && !is_part(end + 1));
    if (error == std::errc() && whole && number > 0 && number < 65536) out = number;
  }
  return out;
}

/// Returns what a program of several instances can do about one port for all.
string advice(const Home& home, const AppId& id, const PortHolder& holder) {
  const auto spec = home.read_spec(id.stem());
  const string command = command_text_of(holder.pid);
  const bool child = holder.main_pid != 0 && holder.main_pid != holder.pid;
  if (spec && spec->cluster.value_or(false))
    return child ? "no worker of the cluster, because it is a child of pid " +
                       std::to_string(holder.main_pid) + " (" + command_text_of(holder.main_pid) +
                       "); keep it itself: 'keeper -d -i N -- " + command + "'"
                 : "which has opened it without its cluster";
  return "which has opened it itself; give each instance a port of its own (KEEPER_INSTANCE), or start a "
         "node "
         "program with --cluster";
}

/// If the output does not name the port: uses the port at which another instance listens.
std::optional<PortHolder> holder_among_siblings(const Home& home, const AppId& id, int& port) {
  for (const AppId& other : home.sockets()) {
    if (other.name != id.name || other == id) continue;
    const auto written = read_file(home.pid_path(other.stem()), 32);
    Status run;
    if (written) run.pid = std::atoi(written->c_str());
    if (!run.pid || stem_in(environment_of(*run.pid)) != other.stem()) continue;
    for (const Port& one : ports_of(run))
      if (one.state == "listening" && one.protocol.starts_with("tcp")) {
        port = port_in(one.local);
        return PortHolder{one.pid, other.stem(), *run.pid};
      }
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> port_in_use(string_view output) {
  std::optional<int> out;
  while (!output.empty()) {
    const string_view line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    if (!says_in_use(line)) continue;
    const int port = port_in(line);
    if (!out || port != 0) out = port;
  }
  return out;
}

std::optional<PortHolder> holder_of_port(int port) {
  const auto listening = listening_at_port(port);
  if (listening.empty()) return std::nullopt;
  PortHolder out{process_that_has(listening, kLookAtMost)};
  if (out.pid == 0) return out;
  out.stem = stem_in(environment_of(out.pid));
  if (!out.stem.empty()) out.main_pid = getsid(out.pid);  // each run has a session of its own
  return out;
}

string port_conflict(const Home& home, const AppId& id, string_view output) {
  const auto wanted = port_in_use(output);
  if (!wanted) return {};
  int port = *wanted;
  const auto holder = port != 0 ? holder_of_port(port) : holder_among_siblings(home, id, port);
  if (!holder || holder->stem == id.stem()) return {};
  string out = "port " + std::to_string(port) + " is held by ";
  if (holder->pid == 0) return out + "a process of another user";
  out += "pid " + std::to_string(holder->pid) + " (" + command_text_of(holder->pid) + ")";
  if (holder->stem.empty()) return out;
  out += " of " + holder->stem;
  const auto app = AppId::parse(holder->stem);
  return app && app->name == id.name ? out + ", " + advice(home, id, *holder) : out;
}

}  // namespace keeper
