#include "protocol/wire/ready_condition.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "protocol/base/line_expression.hpp"
#include "protocol/base/units.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;
using Kind = ReadyCondition::Kind;

constexpr std::size_t kMostText = 4096;
constexpr string_view kThisHost = "127.0.0.1";

bool is_address(int family, const string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, host.c_str(), bytes) == 1;
}

Done read_port(ReadyCondition& c, string_view text, string_view shape) {
  auto port = parse_number(text, 1, 65535);
  if (!port) return invalid(c.text, string(shape) + " with a PORT from 1 to 65535");
  c.port = static_cast<std::uint16_t>(*port);
  return {};
}

Done check_host(const ReadyCondition& c, bool in_brackets) {
  if (in_brackets && is_address(AF_INET6, c.host)) return {};
  if (!in_brackets && (c.host == "localhost" || is_address(AF_INET, c.host))) return {};
  if (!in_brackets && is_address(AF_INET6, c.host))
    return invalid(c.text, "has an address that belongs in brackets: [" + c.host + "]");
  return invalid(c.text, "is not served: '" + c.host +
                             "' is no numeric address and not localhost, and other names are not looked up");
}

/// Reads HOST:PORT or [V6]:PORT. Without a port it is `port`, if that is not empty.
Done read_host_and_port(ReadyCondition& c, string_view text, string_view port, string_view shape) {
  bool in_brackets = text.starts_with('[');
  auto end = in_brackets ? text.find(']') : text.rfind(':');
  if (in_brackets && end == string_view::npos) return invalid(c.text, shape);
  c.host = text.substr(in_brackets ? 1 : 0, end - (in_brackets ? 1 : 0));
  string_view rest = end == string_view::npos ? "" : text.substr(end + (in_brackets ? 1 : 0));
  if (c.host.empty() || (!rest.empty() && rest.front() != ':')) return invalid(c.text, shape);
  if (rest.empty() && port.empty()) return invalid(c.text, shape);
  if (Done done = read_port(c, rest.empty() ? port : rest.substr(1), shape); !done) return done;
  return check_host(c, in_brackets);
}

Done read_fd(ReadyCondition& c) {
  auto number = parse_number(c.argument, 3, 1023);
  if (!number)
    return invalid(c.text, "is not fd:N with a number from 3 to 1023 (0, 1 and 2 are its input and output)");
  c.fd = static_cast<int>(*number);
  c.argument.clear();
  return {};
}

Done read_tcp(ReadyCondition& c) {
  constexpr string_view shape = "is not tcp:PORT, tcp:HOST:PORT or tcp:[V6]:PORT";
  string where = std::move(c.argument);
  c.argument.clear();
  if (where.find(':') != string::npos) return read_host_and_port(c, where, "", shape);
  c.host = kThisHost;
  return read_port(c, where, shape);
}

bool fits_a_request_line(char c) {
  return c > ' ' && c < 0x7f && c != '#';
}

Done read_http(ReadyCondition& c) {
  constexpr string_view shape = "is not http://HOST:PORT/PATH, http:PORT/PATH or http:PORT";
  string_view url = c.argument;
  if (url.starts_with("https:"))
    return invalid(c.text, "is not served: there is no https here; cmd:COMMAND can ask (cmd:curl -fs URL)");
  if (url.starts_with("http://")) url.remove_prefix(5);
  bool whole = url.starts_with("//");
  if (whole) url.remove_prefix(2);
  auto slash = std::min(url.find_first_of("/?#"), url.size());
  string_view where = url.substr(0, slash);
  string path(url.substr(slash));
  if (!path.starts_with('/')) path.insert(path.begin(), '/');
  if (!std::all_of(path.begin(), path.end(), fits_a_request_line))
    return invalid(c.text,
                   "has a path with what cannot stand there: other characters are written %20, and no #part");
  c.host = kThisHost;
  Done done = whole ? read_host_and_port(c, where, "80", shape) : read_port(c, where, shape);
  c.argument = std::move(path);
  return done;
}

Done read_command(ReadyCondition& c) {
  if (c.argument.find_first_not_of(" \t\n") == string::npos) return invalid(c.text, "is not cmd:COMMAND");
  return {};
}

Done read_expression(ReadyCondition& c) {
  if (c.argument.empty()) return invalid(c.text, "is not log:EXPRESSION (log:listening on [0-9]+)");
  if (Done done = check_line_expression(c.argument); !done) return invalid(c.text, done.error().why());
  return {};
}

Done read_argument(ReadyCondition& c) {
  switch (c.kind) {
    case Kind::secs:
    case Kind::notify:
    case Kind::node: break;
    case Kind::fd: return read_fd(c);
    case Kind::tcp: return read_tcp(c);
    case Kind::http: return read_http(c);
    case Kind::cmd: return read_command(c);
    case Kind::log: return read_expression(c);
  }
  return {};
}

}  // namespace

Result<ReadyCondition> ReadyCondition::parse(string_view text) {
  if (text.size() > kMostText) return invalid("a condition has at most 4096 bytes");
  if (text.find('\0') != string_view::npos) return invalid("a text without NUL is wanted here");
  ReadyCondition out;
  out.text = text;
  auto colon = text.find(':');
  string_view word = text.substr(0, colon);
  if (word == "https")
    return invalid(out.text, "is not served: there is no https here; cmd:COMMAND can ask (cmd:curl -fs URL)");
  auto kind = value_for<Kind>(word);
  bool bare = kind == Kind::secs || kind == Kind::notify || kind == Kind::node;
  if (!kind || (bare && colon != string_view::npos) || (!bare && colon == string_view::npos))
    return invalid(out.text, "is not secs, notify, node, fd:N, tcp:PORT, http:URL, cmd:COMMAND or log:REGEX");
  out.kind = *kind;
  if (!bare) out.argument = text.substr(colon + 1);
  if (Done done = read_argument(out); !done) return done.error();
  return out;
}

}  // namespace keeper
