// A page of a file as memory: what is stored there is in the file at once, for whoever reads it and whoever
// goes on after this process was killed, and costs no system call.
//
// Another process may cut the file short under it: then what is stored is lost (mapped_page.hpp).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "protocol/home/mapped_page.hpp"

namespace keeper {

class FilePage {
 public:
  static constexpr std::size_t kSize = kMappedPage;

  /// The page at this offset (a multiple of kSize) of a file that is open for reading and writing; the file
  /// grows to hold it. Null where it cannot be had: no room, a file system that maps nothing, or as many of
  /// them as a keeper needs are there already.
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
