// Where the log of an app is, whether its keeper lives or not.
#pragma once
#include <memory>

#include "protocol/base/file_place.hpp"
#include "protocol/client/fleet.hpp"

namespace keeper {

/// The path of the log; the file need not be there yet. Errors: failed (it keeps none).
Result<std::string> log_path_of(const Home& home, const Row& row);

/// One file that an app's output goes to.
struct LogPlace {
  std::string stream;  ///< "all", or "out" and "err" where they are kept apart
  std::string path;
  std::shared_ptr<const ActingUser> rights{};  ///< whose count for reading it; null: this process's own
};
/// All of them. Errors: failed (it keeps none).
Result<std::vector<LogPlace>> log_places_of(const Home& home, const Row& row);

/// Why one of an app's streams ("out", "err") has no log.
Error not_kept(const Home& home, const Row& row, const std::string& stream);

/// A log and its renamed older ones that are there, the newest first, each by its last component; regular
/// files only (a log may be /dev/stdout).
std::vector<std::string> log_files_of(const FilePlace& log, int backups);
/// A log as an app's spec has it, before links are followed.
std::string given_path_of(const Home& home, const std::string& stem, const Spec& spec, const LogPlace& log);

/// Bytes; 0 if it is not there.
std::uint64_t size_of_file(const std::string& path);

}  // namespace keeper
