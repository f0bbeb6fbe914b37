// Reads a file that gzip(1) packed, from any place, in bounded memory. While unpacking it sets marks at the
// ends of deflate blocks (RFC 1951), each with the 32 KiB before it, from which unpacking can begin, as
// zlib's zran.c does. At most 64 marks keep the way to any place short, and take 2 MiB together.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/result.hpp"

struct z_stream_s;

namespace keeper {

/// The damage of a packed file, as far as it was read.
enum class GzDamage {
  none,
  cut_off,   ///< its end is missing
  data,      ///< it cannot be unpacked any further; the last unpacked bytes may be wrong already
  checksum,  ///< all is unpacked, and some of it is wrong
};

class GzReader {
 public:
  /// `fd` is not owned and is read with pread(2).
  explicit GzReader(int fd);
  ~GzReader();
  GzReader(const GzReader&) = delete;
  GzReader& operator=(const GzReader&) = delete;

  /// Reads unpacked bytes at `offset`; 0 at the end. A file that is cut off or damaged ends at the damage.
  /// Errors: the system's.
  Result<std::size_t> read_at(char* into, std::size_t size, std::uint64_t offset);
  /// Returns the number of unpacked bytes; unpacks everything once for that.
  Result<std::uint64_t> size();
  /// The damage that reading has met.
  GzDamage damage() const { return damage_; }

 private:
  struct Mark {
    std::uint64_t packed = 0, unpacked = 0;  ///< offsets
    int bits = 0;                            ///< of the byte before `packed` that are still to be read
    bool member = false;                     ///< a gzip header begins here
    std::string window;
  };
  Done begin_at(const Mark& mark);
  Done go_to(std::uint64_t offset);
  Result<std::size_t> unpack(char* into, std::size_t size);
  Result<bool> fill();
  Result<bool> next_member();
  void give_up(GzDamage damage);
  void set_mark(Mark mark);
  void mark_here();

  int fd_;
  std::unique_ptr<z_stream_s> stream_;
  std::unique_ptr<unsigned char[]> input_;
  std::uint64_t packed_ = 0;  ///< offset after the content of input_
  std::uint64_t at_ = 0;      ///< offset of the next unpacked byte
  bool raw_ = false;          ///< begun within a member: zlib does not see its end mark
  bool ended_ = false;
  GzDamage damage_ = GzDamage::none;
  std::vector<Mark> marks_;  ///< in order; the first is the beginning
  std::uint64_t spacing_ = 1 << 20;
  std::uint64_t total_ = 0;
  bool total_known_ = false;
};

}  // namespace keeper
