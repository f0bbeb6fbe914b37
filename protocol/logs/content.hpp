// One file of a log, opened: its identity, and its bytes from any place, packed (gzip) or not. Offsets are
// always those of the unpacked bytes.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "protocol/base/fd.hpp"
#include "protocol/logs/gz_reader.hpp"

namespace keeper {

/// The identity, size and age of a file.
///
/// A packed file is a new file, and is still recognised: by its index, which names the inode of the original
/// file (log_index.hpp); without an index by the original size and the time of the last change, which
/// a packer keeps, as gzip(1) does.
struct FileFacts {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;    ///< bytes on the disk
  std::int64_t born = 0;     ///< nanoseconds since 1970; the last change if it is not recorded
  std::int64_t changed = 0;  ///< the last change
  bool packed = false;
  std::uint32_t unpacked = 0;  ///< low 32 bits of the size before it was packed (RFC 1952, ISIZE)
  std::uint64_t origin = 0;    ///< inode of the file when it was written; 0: unknown
  bool same_file(const FileFacts& other) const;
};

/// Looks at a file: false and errno if that fails. `name` ends with ".gz" for a packed one. `mode`: st_mode.
bool look_at_file(const std::string& name, FileFacts& facts, unsigned* mode = nullptr);
/// Does the same for an open file; keeps what `facts` says of packing.
bool look_at_open_file(int fd, FileFacts& facts, unsigned* mode = nullptr);

class LogContent {
 public:
  LogContent() = default;
  LogContent(Fd fd, bool packed) : fd_(std::move(fd)) {
    if (packed) gz_ = std::make_unique<GzReader>(fd_.get());
  }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }
  bool packed() const { return gz_ != nullptr; }
  GzDamage damage() const { return gz_ ? gz_->damage() : GzDamage::none; }

  /// Reads at most `size` bytes from `offset` on; 0 at the end. Errors: the system's.
  Result<std::size_t> read_at(char* into, std::size_t size, std::uint64_t offset);
  /// Reads the bytes from `from` to `to`; fewer at the end of the file.
  Result<std::string> read_range(std::uint64_t from, std::uint64_t to);
  /// Returns the current number of bytes.
  Result<std::uint64_t> size();

 private:
  Fd fd_;
  std::unique_ptr<GzReader> gz_;
};

}  // namespace keeper
