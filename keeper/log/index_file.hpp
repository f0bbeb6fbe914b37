// Writes the index of a log's times (see protocol/logs/index) beside the log: one entry a second at most,
// and not more than 64 KiB or a sixteenth of the log. It only speeds up searches: if it cannot be written, it
// is removed silently. An entry is stored into a mapped page of the file: for an occasional line a system
// call would cost a tenth of the line.
#pragma once
#include <memory>
#include <string>

#include "keeper/log/file_page.hpp"
#include "protocol/base/file_place.hpp"
#include "protocol/logs/index.hpp"

namespace keeper {

class IndexFile {
 public:
  /// Begins with the log at `path`, which may be a link, and is open with this inode. Makes no file yet.
  /// `user`: its rights count there (file_place.hpp).
  void begin(const std::string& path, std::uint64_t inode, const ActingUser* user = nullptr);
  /// Called before bytes are written at `offset`.
  void note(WallTime now, std::uint64_t offset);
  /// The log changes from now on; releases the space that was reserved for more entries.
  void end();
  /// The log is empty, and so is this: there is no file until something is written.
  void remove();

 private:
  void unlink_file();
  void open(const FilePlace& log);
  bool ready();
  bool put(const IndexRecord& record);

  std::string log_;
  const ActingUser* user_ = nullptr;
  std::uint64_t inode_ = 0;
  Fd file_;
  std::unique_ptr<FilePage> page_;  ///< of the next entry; null: it is written by a system call
  bool given_up_ = true;
  std::uint64_t size_ = 0;
  IndexPace pace_;
};

}  // namespace keeper
