#include "protocol/store/ports.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "protocol/base/files.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/base/sockets.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;
using Fields = std::vector<string_view>;

constexpr std::size_t kMostTable = 32 << 20;
constexpr std::size_t kMostProcesses = 10'000;

Fields split(string_view line) {
  Fields out;
  while (true) {
    auto from = line.find_first_not_of(' ');
    if (from == string_view::npos) return out;
    auto to = std::min(line.find(' ', from), line.size());
    out.push_back(line.substr(from, to - from));
    line.remove_prefix(to);
  }
}

template <class N>
N number(string_view text, int base) {
  N out{};
  std::from_chars(text.data(), text.data() + text.size(), out, base);
  return out;
}

/// The states of include/net/tcp_states.h, of which a UDP socket has two.
string state_text(unsigned state, bool udp) {
  constexpr unsigned established = 1, close = 7;
  if (state == established) return "connected";
  if (udp && state == close) return "open";
  return state == kListens ? "listening" : "closing";
}

Port internet_socket(const InternetSocket& socket, const string& protocol) {
  Port port{0, protocol, state_text(socket.state, protocol.starts_with("udp")), socket.local.text(), {}};
  if (port.state == "connected" || port.state == "closing") port.remote = socket.remote.text();
  return port;
}

std::pair<std::uint64_t, Port> unix_socket(const Fields& fields) {
  constexpr unsigned accepts = 1 << 16, connected = 3;  // include/linux/net.h, __SO_ACCEPTCON, SS_CONNECTED
  bool listens = (number<unsigned>(fields[3], 16) & accepts) != 0;
  bool has_peer = number<unsigned>(fields[5], 16) == connected;
  Port port{0, "unix", listens ? "listening" : has_peer ? "connected" : "open", {}, {}};
  if (fields.size() > 7) port.local = fields[7];
  return {number<std::uint64_t>(fields[6], 10), std::move(port)};
}

std::map<std::uint64_t, Port> all_sockets(int pid) {
  std::map<std::uint64_t, Port> out;
  for (const char* protocol : {"tcp", "tcp6", "udp", "udp6", "unix"}) {
    auto table = read_file("/proc/" + std::to_string(pid) + "/net/" + protocol, kMostTable);
    if (table) out.merge(parse_sockets(*table, protocol));
  }
  return out;
}

bool is_keeper(int pid) {
  return runs_program(pid, "keeper");
}

/// Returns the program with its descendants, and its processes that the keeper has adopted.
std::vector<int> processes_of(const Status& app) {
  std::vector<int> out;
  if (app.pid) out.push_back(*app.pid);
  if (app.keeper_pid) add_children(*app.keeper_pid, 0, out);
  for (std::size_t i = 0; i < out.size() && i < kMostProcesses; ++i)
    if (!is_keeper(out[i])) add_children(out[i], 0, out);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  std::erase_if(out, is_keeper);
  return out;
}

}  // namespace

std::map<std::uint64_t, Port> parse_sockets(string_view table, const string& protocol) {
  std::map<std::uint64_t, Port> out;
  if (protocol != "unix") {
    InternetTable().take(table, [&](const InternetSocket& one) {
      return out.emplace(one.socket.inode, internet_socket(one, protocol)), true;
    });
    return out;
  }
  table.remove_prefix(std::min(table.find('\n'), table.size()));  // the title
  while (!table.empty()) {
    table.remove_prefix(1);
    Fields fields = split(table.substr(0, table.find('\n')));
    if (fields.size() >= 7) out.insert(unix_socket(fields));
    table.remove_prefix(std::min(table.find('\n'), table.size()));
  }
  return out;
}

std::vector<Port> ports_of(const Status& app) {
  std::vector<Port> out;
  if (!app.pid) return out;
  std::map<std::uint64_t, Port> sockets = all_sockets(*app.pid);
  for (int pid : processes_of(app))
    for (std::uint64_t inode : socket_inodes_of(pid).value_or(std::set<std::uint64_t>{})) {
      auto it = sockets.find(inode);
      if (it == sockets.end()) continue;
      out.push_back(it->second);
      out.back().pid = pid;
    }
  auto listens = [](const Port& port) { return port.state == "listening"; };
  std::stable_partition(out.begin(), out.end(), listens);
  return out;
}

}  // namespace keeper
