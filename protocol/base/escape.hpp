// Makes foreign text harmless before people see it: names, commands, paths and log lines can hold any bytes,
// and a terminal obeys some of them.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

/// Writes control characters (C0, DEL, C1) as "\n", "\t", "\x1b", those of the direction of text (U+202E) and
/// the separators of lines byte by byte, and bytes that are not UTF-8 as "\xff". Keeps the rest.
std::string escaped(std::string_view text);

/// Writes the control characters of escaped() as JSON escapes ("\u202e") in a JSON text.
std::string escaped_json(std::string_view json);

/// Does as escaped() for a text of several lines, and keeps the ends of lines.
std::string escaped_lines(std::string_view text);

/// Does the same for one line of a log on a terminal, and keeps tabs and colours (ESC [ ... m).
std::string escaped_log_line(std::string_view line);

/// Returns how many columns a harmless text takes: its code points. Wide characters count as one, which is
/// good enough.
std::size_t columns_of(std::string_view text);

/// Cuts the text to at most `most` columns, with "…" in the last one if something was cut off.
std::string cut_to(std::string_view text, std::size_t most);

/// Returns words as one harmless line that a shell would read back as the same words.
std::string command_line_text(const std::vector<std::string>& words);

}  // namespace keeper
