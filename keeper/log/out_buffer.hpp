// Bytes on their way out: grows when it has to, and writes nothing into room that nobody asked for.
//
// A std::string zero-fills what it is resized to, and checks its bound at every byte that is appended. Here
// room for a whole record is asked for once, and then filled.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace keeper {

class OutBuffer {
 public:
  /// Where the next `size` bytes may be written. Good until room is asked for again.
  char* room(std::size_t size) {
    if (capacity_ - used_ < size) grow(size);
    return data_.get() + used_;
  }
  /// What was written ends before `end`, within the room that was given.
  void written(const char* end) { used_ = static_cast<std::size_t>(end - data_.get()); }
  void append(std::string_view bytes) {
    char* at = room(bytes.size());
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    used_ += bytes.size();
  }

  std::string_view bytes() const { return {data_.get(), used_}; }
  std::size_t size() const { return used_; }
  /// Forgets the bytes and keeps the memory.
  void clear() { used_ = 0; }
  /// Gives the memory back too.
  void release() { *this = {}; }

 private:
  void grow(std::size_t size) {
    std::size_t capacity = std::max(used_ + size, 2 * capacity_);
    std::unique_ptr<char[]> data(new char[capacity]);  // not make_unique: that would fill it with zeros
    if (used_ > 0) std::memcpy(data.get(), data_.get(), used_);
    data_ = std::move(data);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  std::size_t used_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace keeper
