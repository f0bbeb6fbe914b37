// Bytes as text: base64 (RFC 4648, section 4).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace keeper {

/// Returns the text for some bytes, with padding and without line breaks.
std::string base64(std::string_view bytes);
/// Returns the bytes of a text; nothing if it is not base64, or sets bits that belong to no byte
/// (section 3.5).
std::optional<std::string> from_base64(std::string_view text);

}  // namespace keeper
