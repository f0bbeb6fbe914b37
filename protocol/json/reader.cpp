#include "protocol/json/reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "protocol/base/base64.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/// Returns whether a character stands for itself in a JSON string, and does not end it.
constexpr std::array<bool, 256> plain_characters() {
  std::array<bool, 256> out{};
  for (std::size_t c = 0x20; c < 0x80; ++c)
    out[c] = c != '"' && c != '\\';
  return out;
}
constexpr std::array<bool, 256> kPlain = plain_characters();

/// Returns the place of the next character, from `at` on, that does not stand for itself.
inline std::size_t skip_plain(string_view text, std::size_t at) {
  const char* here = text.data() + at;
  const char* const end = text.data() + std::max(at, text.size());
  while (here < end && kPlain[static_cast<unsigned char>(*here)])
    ++here;
  return static_cast<std::size_t>(here - text.data());
}

/// Returns the place after white space, from `at` on.
std::size_t skip_space(string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at]))
    ++at;
  return std::min(at, text.size());
}

/// The place of a key (with its quotes) and of its value in a text.
struct Place {
  string_view key, value;
};

/// The grammar of RFC 8259, one function per rule. Each begins at `at_` and moves it behind the accepted
/// text.
class Checker {
 public:
  /// `members` receives those of the outermost object.
  Checker(string_view text, int depth, int values, std::vector<Place>* members = nullptr)
      : text_(text), depth_(depth), depth_left_(depth), values_left_(values), members_(members) {}

  TextCheck check() {
    bool good = value();
    space();
    if (good && at_ == text_.size()) return TextCheck::good;
    return too_much_ ? TextCheck::too_much : TextCheck::malformed;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool accept(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void space() {
    if (at_ < text_.size() && text_[at_] <= ' ') at_ = skip_space(text_, at_);  // programs write none
  }
  bool within(int& left) {
    if (--left < 0) too_much_ = true;
    return !too_much_;
  }

  bool value() {
    space();
    if (!within(values_left_)) return false;
    switch (peek()) {
      case '{': return nested(&Checker::member, '}');
      case '[': return nested(&Checker::value, ']');
      case '"': return quoted();
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return number();
    }
  }
  bool nested(bool (Checker::*item)(), char end) {
    if (!within(depth_left_)) return false;
    ++at_;
    space();
    if (!accept(end)) {
      do {
        if (!(this->*item)()) return false;
        space();
      } while (accept(','));
      if (!accept(end)) return false;
    }
    ++depth_left_;
    return true;
  }
  bool member() {
    space();
    std::size_t key = at_;
    if (peek() != '"' || !quoted()) return false;
    std::size_t key_end = at_;
    space();
    if (!accept(':')) return false;
    space();
    std::size_t first = at_;
    if (!value()) return false;
    if (members_ && depth_left_ == depth_ - 1)
      members_->push_back({text_.substr(key, key_end - key), text_.substr(first, at_ - first)});
    return true;
  }
  bool word(string_view expected) {
    bool same = text_.substr(at_, expected.size()) == expected;
    at_ += same ? expected.size() : 0;
    return same;
  }
  bool digits() {
    std::size_t first = at_;
    while (peek() >= '0' && peek() <= '9')
      ++at_;
    return at_ > first;
  }
  bool number() {
    accept('-');
    if (!accept('0') && !digits()) return false;
    if (accept('.') && !digits()) return false;
    if (!accept('e') && !accept('E')) return true;
    if (!accept('+')) accept('-');
    return digits();
  }
  bool quoted() {
    for (++at_;;) {
      at_ = skip_plain(text_, at_);
      if (at_ >= text_.size()) break;
      auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"' || c < 0x20) break;
      std::size_t size = character_size(text_, at_);
      if (size == 0) return false;
      at_ += size;
      if (c == '\\' && !escape()) return false;
    }
    return accept('"');
  }
  bool escape() {
    if (!accept('u')) {
      bool known = at_ < text_.size() && string_view("\"\\/bfnrt").find(text_[at_]) != string_view::npos;
      ++at_;
      return known;
    }
    unsigned unit = hex_unit();
    bool high = unit >= 0xD800 && unit < 0xDC00;
    bool low = unit >= 0xDC00 && unit < 0xE000;
    if (unit > 0xFFFF || low) return false;
    if (!high) return true;
    if (!accept('\\') || !accept('u')) return false;
    unsigned second = hex_unit();
    return second >= 0xDC00 && second < 0xE000;
  }
  /// Returns four hexadecimal digits; more than 0xFFFF for anything else.
  unsigned hex_unit() {
    unsigned unit = 0;
    string_view four = text_.substr(std::min(at_, text_.size()), 4);
    auto [end, error] = std::from_chars(four.data(), four.data() + four.size(), unit, 16);
    if (four.size() < 4 || error != std::errc() || end != four.data() + 4) return 0x10000;
    at_ += 4;
    return unit;
  }

  string_view text_;
  std::size_t at_ = 0;
  int depth_, depth_left_;
  int values_left_;
  std::vector<Place>* members_;
  bool too_much_ = false;
};

/// Returns the place after the string that begins at `at`.
std::size_t skip_string(string_view text, std::size_t at) {
  for (at = skip_plain(text, at + 1); at < text.size() && text[at] != '"'; at = skip_plain(text, at + 1))
    if (text[at] == '\\') ++at;
  return std::min(at + 1, text.size());
}

/// Returns the place after the value that begins at `at`.
std::size_t skip_value(string_view text, std::size_t at) {
  int depth = 0;
  while (at < text.size()) {
    char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
    } else if (c == '{' || c == '[') {
      ++depth;
      ++at;
    } else if (c == '}' || c == ']') {
      --depth;
      ++at;
    } else if (depth > 0) {
      ++at;
    } else {
      while (at < text.size() && text[at] != ',' && text[at] != ']' && text[at] != '}' && !is_space(text[at]))
        ++at;
      return at;
    }
    if (depth == 0) return at;
  }
  return at;
}

/// Returns the text between the quotes, unescaped into `scratch` if it has escapes.
string_view unquoted(string_view quoted, string& scratch) {
  string_view inner = quoted.substr(1, quoted.size() - 2);
  if (inner.find('\\') == string_view::npos) return inner;
  Json parsed = tree_of(quoted);
  scratch = parsed.is_string() ? parsed.get<string>() : string(inner);
  return scratch;
}

}  // namespace

bool is_plain(string_view text) {
  return skip_plain(text, 0) == text.size();
}

TextCheck check_json(string_view text, int depth, int values) {
  return Checker(text, depth, values).check();
}

TextCheck check_object(string_view text, int depth, int values, const EachMember& each) {
  std::vector<Place> members;
  members.reserve(5);  // a request has five, a reply three
  TextCheck checked = Checker(text, depth, values, &members).check();
  if (checked != TextCheck::good) return checked;
  if (kind_of(text) != '{') return TextCheck::good;
  string scratch;
  for (const Place& member : members)
    each(unquoted(member.key, scratch), member.value);
  return TextCheck::good;
}

void for_each_member(string_view text, const EachMember& each) {
  std::size_t at = skip_space(text, 0);
  if (at == text.size() || text[at] != '{') return;
  string scratch;
  for (at = skip_space(text, at + 1); at < text.size() && text[at] == '"';) {
    std::size_t key_end = skip_string(text, at);
    std::size_t colon = skip_space(text, key_end);
    std::size_t value = skip_space(text, colon + 1);
    std::size_t end = skip_value(text, value);
    if (value >= text.size()) return;
    each(unquoted(text.substr(at, key_end - at), scratch), text.substr(value, end - value));
    at = skip_space(text, end);
    if (at < text.size() && text[at] == ',') at = skip_space(text, at + 1);
  }
}

std::vector<string_view> array_items(string_view text) {
  std::vector<string_view> out;
  std::size_t at = skip_space(text, 0);
  if (at == text.size() || text[at] != '[') return out;
  for (at = skip_space(text, at + 1); at < text.size() && text[at] != ']';) {
    std::size_t end = skip_value(text, at);
    out.push_back(text.substr(at, end - at));
    at = skip_space(text, end);
    if (at < text.size() && text[at] == ',') at = skip_space(text, at + 1);
  }
  return out;
}

char kind_of(string_view text) {
  std::size_t at = skip_space(text, 0);
  return at == text.size() ? '\0' : text[at];
}

Json tree_of(string_view text) {
  // The parser takes a NUL for the end of its input and would skip the rest. JSON has no NUL.
  bool has_nul = text.find('\0') != string_view::npos;
  return has_nul ? Json(Json::value_t::discarded) : Json::parse(text, nullptr, false);
}

Json carry_bytes(string_view bytes) {
  if (is_utf8(bytes)) return Json(bytes);
  Json out = Json::object();
  out["base64"] = base64(bytes);
  return out;
}

bool read_bytes(const Json& json, string& into) {
  if (json.is_string()) {
    into = json.get_ref<const string&>();
    return true;
  }
  if (!json.is_object()) return false;
  auto coded = json.find("base64");
  if (coded == json.end() || !coded->is_string()) return false;
  auto bytes = from_base64(coded->get_ref<const string&>());
  if (bytes) into = std::move(*bytes);
  return bytes.has_value();
}

bool read_bytes(string_view piece, string& into) {
  bool plain = kind_of(piece) == '"' && piece.find('\\') == string_view::npos;
  if (!plain) return read_bytes(tree_of(piece), into);
  into = piece.substr(1, piece.size() - 2);
  return true;
}

}  // namespace keeper
