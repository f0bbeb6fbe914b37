#include "protocol/wire/spawn_fields.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr std::array kResources = {
    Resource{"cpu", RLIMIT_CPU, false},          Resource{"fsize", RLIMIT_FSIZE, true},
    Resource{"data", RLIMIT_DATA, true},         Resource{"stack", RLIMIT_STACK, true},
    Resource{"core", RLIMIT_CORE, true},         Resource{"rss", RLIMIT_RSS, true},
    Resource{"nproc", RLIMIT_NPROC, false},      Resource{"nofile", RLIMIT_NOFILE, false},
    Resource{"memlock", RLIMIT_MEMLOCK, true},   Resource{"as", RLIMIT_AS, true},
    Resource{"locks", RLIMIT_LOCKS, false},      Resource{"sigpending", RLIMIT_SIGPENDING, false},
    Resource{"msgqueue", RLIMIT_MSGQUEUE, true}, Resource{"nice", RLIMIT_NICE, false},
    Resource{"rtprio", RLIMIT_RTPRIO, false},    Resource{"rttime", RLIMIT_RTTIME, false}};

const Resource* resource_named(string_view name) {
  auto found =
      std::find_if(kResources.begin(), kResources.end(), [&](const Resource& r) { return r.name == name; });
  return found == kResources.end() ? nullptr : &*found;
}

string known_names() {
  string out;
  for (const Resource& r : kResources)
    out += (out.empty() ? "" : " ") + string(r.name);
  return out;
}

Result<std::uint64_t> parse_amount(const Resource& resource, string_view text) {
  if (text == "unlimited" || text == "infinity") return kUnlimited;
  if (resource.bytes) return parse_size(text);
  auto number = parse_number(text, 0, 1LL << 62);
  if (!number) return number.error();
  return static_cast<std::uint64_t>(*number);
}

string amount_text(const Resource& resource, std::uint64_t amount) {
  if (amount == kUnlimited) return "unlimited";
  return resource.bytes ? size_text(amount) : std::to_string(amount);
}

Done add_limit(Limits& limits, string_view text) {
  const string shape = "NAME=SOFT[:HARD] (nofile=1024:65535, core=unlimited, as=512M)";
  auto equals = text.find('=');
  if (equals == string_view::npos) return is_not(text, shape);
  const Resource* resource = resource_named(text.substr(0, equals));
  if (resource == nullptr)
    return is_not(text.substr(0, equals), "a resource that can be limited (" + known_names() + ")");
  string_view value = text.substr(equals + 1);
  auto colon = value.find(':');
  auto soft = parse_amount(*resource, value.substr(0, colon));
  auto hard = colon == string_view::npos ? soft : parse_amount(*resource, value.substr(colon + 1));
  if (!soft || !hard) return is_not(text, shape);
  if (*soft > *hard) return is_not(text, "SOFT:HARD with SOFT not above HARD (nofile=1024:65535)");
  limits.insert_or_assign(string(resource->name), Limit{*soft, *hard});
  return {};
}

}  // namespace

Result<FileMask> FileMask::parse(string_view text) {
  FileMask out;
  bool octal = !text.empty() && text.size() <= 4 &&
               std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
  for (char c : octal ? text : string_view())
    out.bits = out.bits * 8 + static_cast<unsigned>(c - '0');
  if (!octal || out.bits > 0777) return is_not(text, "an octal mask from 0 to 0777 (022, 077)");
  return out;
}

string FileMask::text() const {
  string out = "000";
  unsigned left = bits;
  for (std::size_t i = out.size(); i > 0; left /= 8)
    out[--i] = static_cast<char>('0' + left % 8);
  return out;
}

std::span<const Resource> resources() {
  return kResources;
}

Done add_limits(Limits& limits, string_view text) {
  while (true) {
    auto comma = text.find(',');
    Done done = add_limit(limits, text.substr(0, comma));
    if (!done || comma == string_view::npos) return done;
    text.remove_prefix(comma + 1);
  }
}

string limit_value_text(string_view name, const Limit& limit) {
  const Resource* resource = resource_named(name);
  if (resource == nullptr) return "?";
  string out = amount_text(*resource, limit.soft);
  if (limit.hard != limit.soft) out += ":" + amount_text(*resource, limit.hard);
  return out;
}

string limit_text(string_view name, const Limit& limit) {
  return string(name) + "=" + limit_value_text(name, limit);
}

Result<Descriptors> parse_descriptors(string_view text) {
  Descriptors out;
  for (string_view rest = text;;) {
    auto comma = rest.find(',');
    auto number = parse_number(rest.substr(0, comma), 3, 1 << 20);
    if (!number) return is_not(text, "a list of descriptors from 3 on (3, 3,7)");
    out.insert(static_cast<int>(*number));
    if (comma == string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

string descriptors_text(const Descriptors& descriptors) {
  string out;
  for (int fd : descriptors)
    out += (out.empty() ? "" : ",") + std::to_string(fd);
  return out;
}

}  // namespace keeper
