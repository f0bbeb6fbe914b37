// The helpers that all files of class Home share: its directories, opened without links and by their owner
// only.
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/fd.hpp"
#include "protocol/store/home.hpp"

namespace keeper::inside {

inline constexpr int kDirectory = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
inline constexpr mode_t kPrivateDirectory = 0700;
inline constexpr mode_t kPrivateFile = 0600;

inline constexpr const char* kSpecFile = "spec.json";
inline constexpr std::string_view kSocketSuffix = ".sock";

/// Opens `name` in `at`, never through a link; makes it if it is missing and `create` permits it.
Fd open_directory(int at, const char* name, Home::Create create);
/// Opens a directory inside the home, as open_directory() does. `path` is for the error's text.
Result<Fd> open_own_directory(int at, const char* name, Home::Create create, const std::string& doing,
                              const std::string& path);

/// Returns the errors for a file of another user, and for one of another kind.
Error foreign(const std::string& doing, const std::string& path, uid_t owner);
Error not_as_it_should_be(const std::string& doing, const std::string& path, mode_t mode, const char* wanted);

/// Returns invalid for text that is not the stem of an app.
Done check_stem(std::string_view stem, const std::string& doing);

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;
/// Opens a directory for reading its entries; null if that fails.
Directory read_directory(int at, const char* name);
/// Removes a file, or a directory with its content; a link itself, not its target. Returns false and errno if
/// something is left.
bool remove_all(int at, const char* name);
/// Renames a foreign file that is in the place of a file of this program: NAME.damaged.
bool move_aside(int directory, const std::string& name);

}  // namespace keeper::inside
