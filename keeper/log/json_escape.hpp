// Text into a JSON string (RFC 8259, section 7): quickly where nothing has to be escaped, which is nearly
// always.
#pragma once
#include <string_view>

#include "keeper/log/out_buffer.hpp"

namespace keeper {

/// Copies `text` to `to` and says whether all of it is plain: ASCII without control characters, quotation
/// marks and backslashes, so it can stand in a JSON string as it is. If not, what was written there means
/// nothing.
bool copy_plain(char* to, std::string_view text);

/// Appends UTF-8 with what JSON forbids escaped.
void append_escaped(OutBuffer& out, std::string_view utf8);

}  // namespace keeper
