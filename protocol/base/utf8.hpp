// UTF-8 (RFC 3629).
#pragma once
#include <cstddef>
#include <string_view>

namespace keeper {

/// Returns whether `text` is UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF).
bool is_utf8(std::string_view text);
/// Returns the size of the character at `at`; 0 for other bytes (overlong, surrogate, over U+10FFFF, cut
/// off).
std::size_t character_size(std::string_view text, std::size_t at);
/// Returns the length of a cut text without the beginning of a UTF-8 character at its end; the whole length
/// if that would be nothing.
std::size_t whole_characters(std::string_view text);

}  // namespace keeper
