// The index of a log's times (see protocol/home/log_index), as it is written: beside the log, one entry a
// second at most, and not more than 64 KiB or a sixteenth of the log. It only helps to find: where it cannot
// be written it is removed, and nobody is told. An entry is stored into a page of the file that is mapped:
// for a program that says a line now and then a system call for it would cost a tenth of what the line does.
#pragma once
#include <memory>
#include <string>

#include "keeper/log/file_page.hpp"
#include "protocol/home/file_place.hpp"
#include "protocol/home/log_index.hpp"

namespace keeper {

class IndexFile {
 public:
  /// Begins with the log at `path`, which may be a link, and is open with this inode. Nothing is made yet.
  /// `user`: whose rights count there (file_place.hpp).
  void begin(const std::string& path, std::uint64_t inode, const ActingUser* user = nullptr);
  /// Bytes are about to be written at `offset`.
  void note(WallTime now, std::uint64_t offset);
  /// The log is another one from now on; what was reserved of the index for more is given back.
  void end();
  /// The log is empty, and so is this: there is none until something is written.
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
  std::unique_ptr<FilePage> page_;  ///< of the next entry; null: it goes by a system call
  bool given_up_ = true;
  std::uint64_t size_ = 0;
  IndexPace pace_;
};

}  // namespace keeper
