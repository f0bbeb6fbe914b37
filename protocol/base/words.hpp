// Enumerations that users see as words: one table each, read in both directions.
#pragma once
#include <array>
#include <optional>
#include <string_view>

namespace keeper {

template <class E>
struct WordOf {
  E value;
  std::string_view word;
};

/// Specialised for each such enumeration: `constexpr std::array<WordOf<E>, N> kWordsOf<E>`. The first word of
/// a value is the one that is written; further ones are only read.
template <class E>
inline constexpr int kWordsOf = 0;

template <class E>
constexpr std::string_view word_for(E value) {
  for (const auto& entry : kWordsOf<E>)
    if (entry.value == value) return entry.word;
  return "?";
}

template <class E>
constexpr std::optional<E> value_for(std::string_view word) {
  for (const auto& entry : kWordsOf<E>)
    if (entry.word == word) return entry.value;
  return std::nullopt;
}

}  // namespace keeper
