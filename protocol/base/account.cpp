#include "protocol/base/account.hpp"

#include <algorithm>

#include "protocol/base/units.hpp"

namespace keeper {
namespace {

/// Returns the fields between colons; empty if their number is not `count`.
std::vector<std::string_view> split_fields(std::string_view text, std::size_t count) {
  std::vector<std::string_view> out;
  for (std::size_t i = 1; i < count; ++i) {
    auto end = text.find(':');
    if (end == std::string_view::npos) return {};
    out.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  out.push_back(text);
  return out;
}

}  // namespace

std::optional<unsigned> parse_id(std::string_view text) {
  auto number = parse_number(text, 0, kMostId);
  if (!number) return std::nullopt;
  return static_cast<unsigned>(*number);
}

std::string account_text(const Account& account) {
  std::string groups;
  for (unsigned id : account.groups)
    groups += (groups.empty() ? "" : ",") + std::to_string(id);
  return account.name + ":" + std::to_string(account.uid) + ":" + std::to_string(account.gid) + ":" + groups +
         ":" + account.home + ":" + account.shell;
}

Result<Account> read_account(std::string_view text) {
  Error wrong{Reason::invalid, "read who it runs as", "'" + std::string(text) + "' is no account", 0};
  auto parts = split_fields(text, 6);
  if (parts.size() != 6) return wrong;
  auto uid = parse_id(parts[1]), gid = parse_id(parts[2]);
  if (!uid || !gid) return wrong;
  Account out{std::string(parts[0]), *uid, *gid, {}, std::string(parts[4]), std::string(parts[5])};
  for (std::string_view rest = parts[3]; !rest.empty();) {
    std::string_view one = rest.substr(0, rest.find(','));
    auto id = parse_id(one);
    if (!id) return wrong;
    out.groups.push_back(*id);
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  return out;
}

}  // namespace keeper
