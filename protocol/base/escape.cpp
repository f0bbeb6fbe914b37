#include "protocol/base/escape.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace keeper {
namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// Returns the size of the UTF-8 sequence at the start of the text (RFC 3629); 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (!is_continuation(text[i])) return 0;
  auto second = static_cast<unsigned char>(text[1]);
  bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  bool surrogate = first == 0xED && second > 0x9F;
  bool too_large = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

std::uint32_t code_point(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first;
  std::uint32_t out = first & (0x7Fu >> sequence.size());
  for (char c : sequence.substr(1))
    out = out << 6 | (static_cast<unsigned char>(c) & 0x3Fu);
  return out;
}

/// C0, DEL and C1, which a terminal obeys; the characters that change the display order (Unicode's
/// Bidi_Control); and the separators of lines and paragraphs.
bool is_control(std::string_view sequence) {
  const std::uint32_t c = code_point(sequence);
  const auto within = [c](std::uint32_t from, std::uint32_t to) { return c >= from && c <= to; };
  return c < 0x20 || within(0x7F, 0x9F) || c == 0x061C || within(0x200E, 0x200F) || within(0x2028, 0x202E) ||
         within(0x2066, 0x2069);
}

void add_escaped(std::string& out, std::string_view bytes) {
  for (char c : bytes) {
    char text[8];
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else {
      std::snprintf(text, sizeof text, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += text;
    }
  }
}

/// Returns the size of the colour sequence (ESC [ digits ; m) at the start of the text; 0 if there is none.
std::size_t colour_length(std::string_view text) {
  if (text.substr(0, 2) != "\x1b[") return 0;
  std::size_t end = text.find_first_not_of("0123456789;:", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

/// `kept` returns how many bytes at the start of a text are kept although they are control characters.
template <class Kept>
std::string escape(std::string_view text, Kept kept) {
  std::string out;
  while (!text.empty()) {
    std::size_t plain = kept(text);
    std::size_t length = plain != 0 ? plain : sequence_length(text);
    std::string_view piece = text.substr(0, length != 0 ? length : 1);
    if (plain == 0 && (length == 0 || is_control(piece)))
      add_escaped(out, piece);
    else
      out += piece;
    text.remove_prefix(piece.size());
  }
  return out;
}

bool is_plain_word(std::string_view word) {
  constexpr std::string_view special = " \t\n\"'`$\\&|;<>()*?[]#~!{}";
  return !word.empty() && word.find_first_of(special) == std::string_view::npos;
}

std::string quoted(std::string_view word) {
  if (is_plain_word(word)) return std::string(word);
  std::string out = "'";
  for (char c : word)
    out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string escaped(std::string_view text) {
  return escape(text, [](std::string_view) -> std::size_t { return 0; });
}

std::string escaped_lines(std::string_view text) {
  return escape(text, [](std::string_view rest) -> std::size_t { return rest[0] == '\n' ? 1 : 0; });
}

std::string escaped_json(std::string_view json) {
  std::string out;
  while (!json.empty()) {
    const std::string_view piece = json.substr(0, std::max<std::size_t>(sequence_length(json), 1));
    json.remove_prefix(piece.size());
    const bool whitespace = piece == "\n" || piece == "\t" || piece == "\r";
    if (whitespace || sequence_length(piece) == 0 || !is_control(piece)) {
      out += piece;
      continue;
    }
    char text[8];
    std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(code_point(piece)));
    out += text;
  }
  return out;
}

std::string escaped_log_line(std::string_view line) {
  return escape(
      line, [](std::string_view text) -> std::size_t { return text[0] == '\t' ? 1 : colour_length(text); });
}

std::size_t columns_of(std::string_view text) {
  std::size_t count = 0;
  for (char c : text)
    if (!is_continuation(c)) ++count;
  return count;
}

std::string cut_to(std::string_view text, std::size_t most) {
  if (columns_of(text) <= most) return std::string(text);
  if (most == 0) return {};
  std::size_t columns = 0, at = 0;
  for (; at < text.size(); ++at)
    if (!is_continuation(text[at]) && ++columns == most) break;
  return std::string(text.substr(0, at)) + "…";
}

std::string command_line_text(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words)
    out += (out.empty() ? "" : " ") + escaped(quoted(word));
  return out;
}

}  // namespace keeper
