// Text from outside made harmless before people see it: names, commands, paths and log lines can hold any
// bytes, and a terminal obeys some of them.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

/// Control characters (C0, DEL, C1) as "\n", "\t", "\x1b", those of the direction of text (U+202E) and the
/// separators of lines byte by byte; bytes that are not UTF-8 as "\xff". The rest is as it was.
std::string escaped(std::string_view text);

/// A JSON text in which what is a control character for escaped() is written as JSON escapes it ("\u202e").
std::string escaped_json(std::string_view json);

/// A text of several lines: as escaped(), but for the ends of lines.
std::string escaped_lines(std::string_view text);

/// The same for one line of a log on a terminal, where tabs and colours (ESC [ ... m) are wanted.
std::string escaped_log_line(std::string_view line);

/// How many columns a harmless text takes: its code points. Wide characters count as one, which is good
/// enough.
std::size_t columns_of(std::string_view text);

/// The text in at most `most` columns, the last of which is "…" where something was cut off.
std::string cut_to(std::string_view text, std::size_t most);

/// Words as one line that a shell would read back as the same words, made harmless.
std::string command_line_text(const std::vector<std::string>& words);

}  // namespace keeper
