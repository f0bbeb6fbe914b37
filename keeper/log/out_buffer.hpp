// A buffer for output: grows when needed, and writes nothing into unused room.
//
// A std::string zero-fills on resize, and checks its bound at every appended byte. Here the room for a whole
// record is reserved once, and then filled.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace keeper {

class OutBuffer {
 public:
  /// Returns room for the next `size` bytes. Valid until the next call.
  char* room(std::size_t size) {
    if (capacity_ - used_ < size) grow(size);
    return data_.get() + used_;
  }
  /// Ends the written bytes before `end`, within the reserved room.
  void written(const char* end) { used_ = static_cast<std::size_t>(end - data_.get()); }
  void append(std::string_view bytes) {
    char* at = room(bytes.size());
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    used_ += bytes.size();
  }

  std::string_view bytes() const { return {data_.get(), used_}; }
  std::size_t size() const { return used_; }
  /// Discards the bytes and keeps the memory.
  void clear() { used_ = 0; }
  /// Releases the memory too.
  void release() { *this = {}; }

 private:
  void grow(std::size_t size) {
    std::size_t capacity = std::max(used_ + size, 2 * capacity_);
    std::unique_ptr<char[]> data(new char[capacity]);  // not make_unique, which would fill it with zeros
    if (used_ > 0) std::memcpy(data.get(), data_.get(), used_);
    data_ = std::move(data);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  std::size_t used_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace keeper
