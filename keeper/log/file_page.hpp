// A page of a file as memory: a store is in the file at once, for readers and for the successor of this
// process, and takes no system call.
//
// If another process cuts the file short, later stores are lost (mapped_page.hpp).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "protocol/base/mapped_page.hpp"

namespace keeper {

class FilePage {
 public:
  static constexpr std::size_t kSize = kMappedPage;

  /// Maps the page at this offset (a multiple of kSize) of a file that is open for reading and writing; the
  /// file grows to hold it. Null if that fails: no room, a file system without mappings, or as many pages as
  /// a keeper needs exist already.
  static std::unique_ptr<FilePage> make(int fd, std::uint64_t offset);
  ~FilePage();
  FilePage(const FilePage&) = delete;
  FilePage& operator=(const FilePage&) = delete;

  char* data() { return data_; }
  std::uint64_t offset() const { return offset_; }

 private:
  FilePage(char* data, std::uint64_t offset) : data_(data), offset_(offset) {}

  char* data_;
  std::uint64_t offset_;
};

}  // namespace keeper
