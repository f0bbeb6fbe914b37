#include "protocol/base/base64.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

string base64(string_view bytes) {
  string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k > bytes.size() ? '=' : kAlphabet[group >> (18 - 6 * k) & 63];
  }
  return out;
}

std::optional<string> from_base64(string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  string out;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    unsigned group = 0;
    std::size_t padding = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      char c = text[i + k];
      std::size_t digit = kAlphabet.find(c);
      if (c == '=' && i + 4 == text.size() && k >= 2) {
        ++padding;
        digit = 0;
      } else if (digit == string_view::npos || padding > 0) {
        return std::nullopt;
      }
      group = group << 6 | static_cast<unsigned>(digit);
    }
    if ((group & ((1u << (8 * padding)) - 1)) != 0)
      return std::nullopt;  // section 3.5: bits that belong to no byte are zero
    for (std::size_t k = 0; k + padding < 3; ++k)
      out += static_cast<char>(group >> (16 - 8 * k) & 255);
  }
  return out;
}

}  // namespace keeper
