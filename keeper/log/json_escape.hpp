// Writes text as a JSON string (RFC 8259, section 7): fast if nothing must be escaped, which is nearly
// always.
#pragma once
#include <string_view>

#include "keeper/log/out_buffer.hpp"

namespace keeper {

/// Copies `text` to `to` and returns whether all of it is plain: ASCII without control characters, quotation
/// marks and backslashes, so it can be in a JSON string unchanged. If not, the written bytes are invalid.
bool copy_plain(char* to, std::string_view text);

/// Appends UTF-8, and escapes what JSON forbids.
void append_escaped(OutBuffer& out, std::string_view utf8);

}  // namespace keeper
