#include "protocol/home/ports.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <set>

#include "protocol/home/home.hpp"
#include "protocol/home/proc.hpp"
#include "protocol/home/sockets.hpp"

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

/// "0100007F:0050": the address in words of 32 bits, each as the machine has it in memory; then the port.
string address_text(string_view text) {
  auto colon = text.find(':');
  if (colon == string_view::npos || colon % 8 != 0 || colon > 32) return string(text);
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < colon / 8; ++i)
    words[i] = number<std::uint32_t>(text.substr(i * 8, 8), 16);
  bool six = colon == 32;
  char out[INET6_ADDRSTRLEN];
  if (inet_ntop(six ? AF_INET6 : AF_INET, words.data(), out, sizeof out) == nullptr) return string(text);
  string port = std::to_string(number<unsigned>(text.substr(colon + 1), 16));
  return (six ? "[" + string(out) + "]:" : string(out) + ":") + port;
}

/// The states of include/net/tcp_states.h, of which a UDP socket has two.
string state_text(unsigned state, bool udp) {
  constexpr unsigned established = 1, close = 7, listen = 10;
  if (state == established) return "connected";
  if (udp && state == close) return "open";
  return state == listen ? "listening" : "closing";
}

std::pair<std::uint64_t, Port> internet_socket(const Fields& fields, const string& protocol) {
  bool udp = protocol.starts_with("udp");
  Port port{0, protocol, state_text(number<unsigned>(fields[3], 16), udp), address_text(fields[1]), {}};
  if (port.state == "connected" || port.state == "closing") port.remote = address_text(fields[2]);
  return {number<std::uint64_t>(fields[9], 10), std::move(port)};
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
  char name[32];
  long got = read_proc(("/proc/" + std::to_string(pid) + "/comm").c_str(), name, sizeof name);
  return got > 0 && string_view(name, static_cast<std::size_t>(got)) == "keeper\n";
}

/// The program with its descendants, and what its keeper has adopted of it.
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
  bool title = true;
  while (!table.empty()) {
    auto end = std::min(table.find('\n'), table.size());
    Fields fields = split(table.substr(0, end));
    table.remove_prefix(std::min(end + 1, table.size()));
    if (std::exchange(title, false)) continue;
    if (protocol == "unix" && fields.size() >= 7) out.insert(unix_socket(fields));
    if (protocol != "unix" && fields.size() >= 10) out.insert(internet_socket(fields, protocol));
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
