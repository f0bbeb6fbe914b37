#include "keeper/app/stop_wish.hpp"

#include <array>
#include <charconv>

#include "protocol/base/users.hpp"

namespace keeper {
namespace {

/// Takes the number before the next colon off `rest`; nothing if there is none.
template <class T>
bool take_number(std::string_view& rest, T& out) {
  const std::string_view digits = rest.substr(0, rest.find(':'));
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  rest.remove_prefix(std::min(rest.size(), digits.size() + 1));
  return !digits.empty() && read.ec == std::errc() && read.ptr == digits.data() + digits.size();
}

}  // namespace

std::string StopWish::text() const {
  return by + ":" + std::to_string(pid) + ":" + std::to_string(uid) + ":" + std::to_string(left_by);
}

std::optional<StopWish> StopWish::parse(std::string_view text) {
  StopWish out;
  out.by = text.substr(0, text.find(':'));
  text.remove_prefix(std::min(text.size(), out.by.size() + 1));
  if (out.by != "stop" && out.by != "restart" && out.by != "scale") return std::nullopt;
  if (!take_number(text, out.pid) || !take_number(text, out.uid) || !take_number(text, out.left_by))
    return std::nullopt;
  return out;
}

Cause StopWish::cause() const {
  return by == "restart" ? Cause::restart : by == "scale" ? Cause::scale : Cause::stop;
}

Asker StopWish::asker() const {
  return {by, pid, uid, passwd_name(uid)};
}

}  // namespace keeper
