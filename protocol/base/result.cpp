#include "protocol/base/result.hpp"

#include <array>
#include <cerrno>
#include <cstring>

namespace keeper {
namespace {

struct Word {
  Reason reason;
  std::string_view word;
};

constexpr std::array kWords = {
    Word{Reason::failed, "failed"},
    Word{Reason::usage, "usage"},
    Word{Reason::invalid, "invalid"},
    Word{Reason::not_found, "not_found"},
    Word{Reason::not_running, "not_running"},
    Word{Reason::already, "already"},
    Word{Reason::timeout, "timeout"},
    Word{Reason::unreachable, "unreachable"},
    Word{Reason::refused, "refused"},
    Word{Reason::too_large, "too_large"},
    Word{Reason::busy, "busy"},
    Word{Reason::full, "busy"},
    Word{Reason::changed, "changed"},
    Word{Reason::unsupported, "unsupported"},
    Word{Reason::internal, "internal"},
};

}  // namespace

std::string_view word(Reason reason) {
  for (const Word& w : kWords)
    if (w.reason == reason) return w.word;
  return "failed";
}

Reason reason_of(std::string_view text) {
  for (const Word& w : kWords)
    if (w.word == text) return w.reason;
  return Reason::failed;
}

std::string Error::why() const {
  std::string out = about;
  if (errnum != 0) {
    if (!out.empty()) out += ": ";
    out += strerror(errnum);
  }
  return out;
}

std::string Error::text() const {
  std::string reason_text = why();
  if (doing.empty()) return reason_text;
  std::string out = "cannot " + doing;
  if (!reason_text.empty()) out += ": " + reason_text;
  return out;
}

Error invalid(std::string why) {
  return {Reason::invalid, {}, std::move(why), 0};
}

Error invalid(std::string_view text, std::string_view has) {
  return invalid("'" + std::string(text) + "' " + std::string(has));
}

Error is_not(std::string_view text, std::string_view what) {
  return invalid(text, "is not " + std::string(what));
}

Error system_error(std::string doing, std::string about) {
  int saved = errno;
  return Error{Reason::failed, std::move(doing), std::move(about), saved};
}

}  // namespace keeper
