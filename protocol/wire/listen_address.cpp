#include "protocol/wire/listen_address.hpp"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>

#include "protocol/wire/spawn_fields.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;
using Kind = ListenAddress::Kind;

constexpr std::size_t kMostName = 64;
constexpr std::size_t kMostPath = sizeof(sockaddr_un::sun_path) - 1;

bool is_address(int family, const string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, host.c_str(), bytes) == 1;
}

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

Done read_host(ListenAddress& out, string_view text, string_view host) {
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host == "*" && !bracketed) return {};
  out.host = host == "localhost" ? "127.0.0.1" : host;
  if (bracketed ? is_address(AF_INET6, out.host) : is_address(AF_INET, out.host)) return {};
  if (!bracketed && is_address(AF_INET6, out.host))
    return invalid(text, "has an address that belongs in brackets: [" + out.host + "]");
  return invalid(text, "cannot be listened at: '" + out.host +
                           "' is no numeric address of this host; '*' means all of them, and localhost is "
                           "127.0.0.1");
}

Done read_tcp(ListenAddress& out, string_view text, string_view rest) {
  const auto colon = rest.rfind(':');
  const bool port_only = colon == string_view::npos;
  auto port = parse_number(port_only ? rest : rest.substr(colon + 1), 1, 65535);
  if (!port) return invalid(text, "is not tcp:HOST:PORT or tcp:PORT with a PORT from 1 to 65535");
  out.port = static_cast<int>(*port);
  return port_only ? Done{} : read_host(out, text, rest.substr(0, colon));
}

Done read_local(ListenAddress& out, string_view text, string_view rest) {
  constexpr string_view kMode = ",mode=";
  out.kind = Kind::local;
  if (auto comma = rest.rfind(kMode); comma != string_view::npos) {
    auto bits = FileMask::parse(rest.substr(comma + kMode.size()));
    if (!bits) return invalid(text, "has no octal mode from 0 to 0777 behind ',mode='");
    out.mode = bits->bits;
    rest = rest.substr(0, comma);
  }
  out.path = rest;
  if (rest.empty() || rest == "@") return invalid(text, "is not unix:PATH or unix:@NAME");
  if (rest.size() > kMostPath)
    return invalid(text, "has a path of more than " + std::to_string(kMostPath) + " bytes (unix(7))");
  if (out.mode && !out.has_file()) return invalid(text, "has a mode, and no file that could have it");
  return {};
}

Done read_name(ListenAddress& out, string_view text, string_view name) {
  const bool legal =
      !name.empty() && name.size() <= kMostName && std::all_of(name.begin(), name.end(), is_name_character);
  if (!legal) return invalid(text, "has a name with other characters than A-Z a-z 0-9 . _ - or none");
  out.name = name;
  return {};
}

}  // namespace

Result<ListenAddress> ListenAddress::parse(string_view text) {
  ListenAddress out;
  string_view rest = text;
  const auto sign = rest.find('=');
  if (sign < rest.find(':')) {
    if (Done done = read_name(out, text, rest.substr(0, sign)); !done) return done.error();
    rest = rest.substr(sign + 1);
  }
  const bool tcp = rest.starts_with("tcp:"), local = rest.starts_with("unix:");
  if (!tcp && !local)
    return invalid(text, "is not tcp:HOST:PORT, tcp:PORT or unix:PATH, with NAME= before it");
  rest = rest.substr(rest.find(':') + 1);
  Done done = tcp ? read_tcp(out, text, rest) : read_local(out, text, rest);
  if (!done) return done.error();
  return out;
}

string ListenAddress::place() const {
  if (kind == Kind::local) return "unix:" + path;
  if (host.empty()) return "tcp:" + std::to_string(port);
  const bool bracketed = host.find(':') != string::npos;
  return "tcp:" + (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

string ListenAddress::text() const {
  return (name.empty() ? "" : name + "=") + place() + (mode ? ",mode=" + FileMask{*mode}.text() : "");
}

}  // namespace keeper
