// Writes JSON text piece by piece; the caller sees to it that the pieces make a JSON text.
#pragma once
#include <charconv>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace keeper {

/// A text that is written piece by piece. A keeper answers `status` more often than anything else, with
/// caches that other processes have emptied: a string's work for each piece is half of a reply.
class JsonWriter {
 public:
  explicit JsonWriter(std::size_t expected = 0)
      : text_(expected, '\0'), at_(text_.data()), end_(at_ + text_.size()) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  JsonWriter& operator+=(char c) {
    make_room(1);
    *at_++ = c;
    return *this;
  }
  JsonWriter& operator+=(std::string_view piece) {
    make_room(piece.size());
    copy(piece);
    return *this;
  }
  template <std::integral T>
  void number(T value) {
    make_room(kLongestNumber);
    at_ = std::to_chars(at_, end_, value).ptr;
  }
  /// Characters that need no escape.
  void quoted(std::string_view plain) {
    make_room(plain.size() + 2);
    *at_++ = '"';
    copy(plain);
    *at_++ = '"';
  }
  /// Writes `{"name":` or `,"name":`.
  void member(char before, std::string_view name) {
    make_room(name.size() + 4);
    *at_++ = before;
    *at_++ = '"';
    copy(name);
    *at_++ = '"';
    *at_++ = ':';
  }
  std::string take() && {
    text_.resize(static_cast<std::size_t>(at_ - text_.data()));
    return std::move(text_);
  }

 private:
  static constexpr std::size_t kLongestNumber = 24;

  void make_room(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) grow(bytes);
  }
  void copy(std::string_view piece) {
    std::memcpy(at_, piece.data(), piece.size());
    at_ += piece.size();
  }
  [[gnu::noinline]] void grow(std::size_t bytes) {
    const auto size = static_cast<std::size_t>(at_ - text_.data());
    text_.resize(2 * text_.size() + bytes);
    at_ = text_.data() + size;
    end_ = text_.data() + text_.size();
  }

  std::string text_;
  char* at_;
  char* end_;
};

}  // namespace keeper
