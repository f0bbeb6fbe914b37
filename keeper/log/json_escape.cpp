#include "keeper/log/json_escape.hpp"

#include <bit>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace keeper {
namespace {

using std::string_view;

constexpr std::size_t kBlock = 16;
constexpr std::size_t kMostEscaped = 6;  // \u001f

bool must_be_escaped(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

/// Properties of sixteen bytes, a bit for each, from the lowest on.
struct Block {
  unsigned escape = 0;  ///< must be escaped
  unsigned high = 0;    ///< is not ASCII
};

#if defined(__SSE2__)
Block copy_block(char* to, const char* from) {
  __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
  __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  __m128i escape = _mm_or_si128(low, _mm_or_si128(quote, backslash));
  return {static_cast<unsigned>(_mm_movemask_epi8(escape)), static_cast<unsigned>(_mm_movemask_epi8(bytes))};
}
#else
Block copy_block(char* to, const char* from) {
  Block out;
  std::memcpy(to, from, kBlock);
  for (unsigned i = 0; i < kBlock; ++i) {
    out.escape |= static_cast<unsigned>(must_be_escaped(from[i])) << i;
    out.high |= static_cast<unsigned>(static_cast<unsigned char>(from[i]) >> 7) << i;
  }
  return out;
}
#endif

bool copy_plain_block(char* to, const char* from) {
  Block block = copy_block(to, from);
  return (block.escape | block.high) == 0;
}

char* put_escaped(char* at, char c) {
  constexpr string_view digits = "0123456789abcdef";
  auto byte = static_cast<unsigned char>(c);
  *at++ = '\\';
  if (byte >= 0x20) {
    *at++ = c;
  } else if (byte >= 8 && byte <= 13 && byte != 11) {
    *at++ = "btn_fr"[byte - 8];
  } else {
    std::memcpy(at, "u00", 3);
    at[3] = digits[byte / 16];
    at[4] = digits[byte % 16];
    at += 5;
  }
  return at;
}

}  // namespace

bool copy_plain(char* to, string_view text) {
  const char* from = text.data();
  std::size_t left = text.size();
  for (; left >= kBlock; left -= kBlock, from += kBlock, to += kBlock)
    if (!copy_plain_block(to, from)) return false;
  if (left == 0) return true;
  if (text.size() >= kBlock) return copy_plain_block(to + left - kBlock, from + left - kBlock);
  for (std::size_t i = 0; i < left; ++i) {
    if (must_be_escaped(from[i]) || static_cast<unsigned char>(from[i]) >= 0x80) return false;
    to[i] = from[i];
  }
  return true;
}

void append_escaped(OutBuffer& out, string_view utf8) {
  char* at = out.room(utf8.size() * kMostEscaped + kBlock);
  const char *from = utf8.data(), *end = from + utf8.size();
  while (from < end) {
    if (must_be_escaped(*from)) {
      at = put_escaped(at, *from++);
    } else if (static_cast<std::size_t>(end - from) < kBlock) {
      *at++ = *from++;
    } else {
      unsigned escape = copy_block(at, from).escape;
      int good = escape == 0 ? static_cast<int>(kBlock) : std::countr_zero(escape);
      at += good;
      from += good;
    }
  }
  out.written(at);
}

}  // namespace keeper
