// Whole files: read with a bound, written so that a reader sees the old text or the new one.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>

#include "protocol/base/fd.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

/// Makes errno an Error: not_found if nothing is there, and an understandable reason for a link.
Error file_error(std::string doing);

/// Returns the directory of a path: "/var" for "/var/log", "." for "log".
std::string parent_of(const std::string& path);

/// Writes all of a text to a descriptor; goes on after a signal. Errors: failed.
Done write_all(int file, std::string_view text);

/// Writes beside the file and renames, so that a reader sees the old text or the new one, whole. The file has
/// exactly this mode, whatever the umask.
Done write_file_atomically(const std::string& path, std::string_view text, bool sync, unsigned mode = 0600);
/// Does the same for a file of an open directory; errors name it by `path`.
Done write_file_at(int directory, const std::string& name, std::string_view text, bool sync,
                   const std::string& path, unsigned mode = 0600);
/// Reads a whole file of at most `most` bytes; does not follow links. Errors: not_found, too_large, failed.
Result<std::string> read_file(const std::string& path, std::size_t most);

/// The owners whose files are read.
enum class Owner { anybody, we };
/// Opens a regular file of an open directory for reading, never through a link; does not wait for the writer
/// of a FIFO. Errors: not_found, refused (Owner::we and another user owns it), failed.
Result<Fd> open_regular(int directory, const char* name, const std::string& doing, Owner owner);
/// Reads a whole open file from its beginning. Errors: too_large, failed.
Result<std::string> read_file(int file, std::size_t most, const std::string& doing);
/// Opens and reads; errors name the file by `path`.
Result<std::string> read_file_at(int directory, const char* name, std::size_t most, const std::string& path,
                                 Owner owner);

}  // namespace keeper
