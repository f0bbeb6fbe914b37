// Reads parts of a JSON text without building a tree of it. Used by the codec and the spec.
//
// A tree of a foreign text costs many times its size, and an ordered object looks its members up one after
// the other. So a text is first checked (well-formed, within its bounds), then cut into the pieces that a
// message declares, and only those become values. Pieces keep their bytes: an id is sent back exactly as
// received.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/utf8.hpp"
#include "protocol/json/json.hpp"

namespace keeper {

/// Returns whether a JSON string of these characters is the characters themselves between quotes.
bool is_plain(std::string_view text);

enum class TextCheck { good, malformed, too_much };
/// Returns whether `text` is one JSON text (RFC 8259, in UTF-8) of at most `depth` levels and `values`
/// values. Stops at a bound.
TextCheck check_json(std::string_view text, int depth, int values);

using EachMember = std::function<void(std::string_view key, std::string_view value)>;
/// Calls `each(key, value)` for the members of an object, in order, with the key unescaped and the value as
/// received. The text has passed check_json; a text that is not an object has no members.
void for_each_member(std::string_view text, const EachMember& each);
/// Does check_json and, if that succeeds, for_each_member, in one pass.
TextCheck check_object(std::string_view text, int depth, int values, const EachMember& each);
/// Returns the items of an array as received. The text has passed check_json; a text that is not an array has
/// no items.
std::vector<std::string_view> array_items(std::string_view text);
/// Returns the character that tells the kind: '{', '[', '"', 't', 'f', 'n', '-' or a digit. 0 for a text of
/// white space.
char kind_of(std::string_view text);

/// Returns the tree of a text; discarded (is_discarded()) if it is malformed. Without bounds: for text that
/// was checked or that this program made.
Json tree_of(std::string_view text);

/// Returns a JSON string, or {"base64": "..."} for bytes that are not UTF-8: paths, arguments and log lines
/// can be any bytes.
Json carry_bytes(std::string_view bytes);
/// Reads either form; false for anything else.
bool read_bytes(const Json& json, std::string& into);
bool read_bytes(std::string_view piece, std::string& into);

}  // namespace keeper
