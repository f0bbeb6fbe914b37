// The log file: appends, begins again when it has grown to its size, and never makes anybody wait.
//
// A write that fails (full disk, no permission) loses those bytes and counts them; the count is written as a
// marker once there is room. Nothing here stops the child.
#pragma once
#include <string>
#include <string_view>

#include "protocol/home/home.hpp"

namespace keeper {

class FileSink {
 public:
  /// The file at `path` is opened (and made, 0600, with its directory) at the first write. Never fails for
  /// good: what could not be opened is tried again at the next write.
  FileSink(std::string path, std::uint64_t most_bytes, int backups);

  /// Makes the file now, so that there is one to look at.
  void open() { ready(); }
  /// Appends. Rotates at the end of a line once the file has reached its size: PATH to PATH.1, PATH.1 to
  /// PATH.2, ...
  void write(std::string_view bytes);
  /// Appends one whole line that is not the child's, ending an unfinished line of the child's first.
  void write_marker(std::string_view line);

  bool at_line_start() const { return at_line_start_; }
  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return size_; }
  /// What went wrong last, until it goes well again; empty if all is well.
  const std::string& trouble() const { return trouble_; }

 private:
  bool ready();
  void append(std::string_view bytes);
  bool shift_backups(const std::string& newest);
  void rotate();
  void failed(const char* doing, std::size_t bytes);

  std::string path_;
  std::uint64_t most_;
  int backups_;
  Fd file_;
  std::uint64_t size_ = 0;
  std::uint64_t lost_ = 0;
  bool at_line_start_ = true;
  std::string trouble_;
};

}  // namespace keeper
