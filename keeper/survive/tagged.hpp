// Values as bytes that an older and a newer keeper can read: each field has a number, which is never used for
// another one; a reader skips unknown numbers, and a missing field keeps its default.
//
// A struct lists its fields once, in a function found by its type, for both directions:
//
//   template <class F> void fields(F& f, Clock& c) { f(1, c.at); f(2, c.held); }
//
// A field is: number (2 bytes), length (4), content. Numbers are 8 bytes in this machine's order: the bytes
// never leave it. A list is its field several times; an empty optional is omitted.
#pragma once
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace keeper::tagged {

template <class T>
struct IsDuration : std::false_type {};
template <class R, class P>
struct IsDuration<std::chrono::duration<R, P>> : std::true_type {};
template <class T>
struct IsTimePoint : std::false_type {};
template <class C, class D>
struct IsTimePoint<std::chrono::time_point<C, D>> : std::true_type {};

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  template <class T>
  void operator()(std::uint16_t number, std::vector<T>& list) {
    for (T& one : list)
      (*this)(number, one);
  }
  template <class T>
  void operator()(std::uint16_t number, std::optional<T>& value) {
    if (value) (*this)(number, *value);
  }
  template <class T>
  void operator()(std::uint16_t number, T& value) {
    const std::size_t at = begin(number);
    put(value);
    const auto length = static_cast<std::uint32_t>(out_.size() - at);
    std::memcpy(out_.data() + at - sizeof length, &length, sizeof length);
  }

 private:
  std::size_t begin(std::uint16_t number) {
    out_.append(reinterpret_cast<const char*>(&number), sizeof number);
    out_.append(sizeof(std::uint32_t), '\0');
    return out_.size();
  }
  template <class T>
  void put(T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      out_ += value;
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      const auto wide = static_cast<std::int64_t>(value);
      out_.append(reinterpret_cast<const char*>(&wide), sizeof wide);
    } else if constexpr (std::is_floating_point_v<T>) {
      const double wide = value;
      out_.append(reinterpret_cast<const char*>(&wide), sizeof wide);
    } else if constexpr (IsDuration<T>::value) {
      std::int64_t count = value.count();
      put(count);
    } else if constexpr (IsTimePoint<T>::value) {
      std::int64_t count = value.time_since_epoch().count();
      put(count);
    } else {
      fields(*this, value);
    }
  }
  std::string& out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  void operator()(std::uint16_t number, std::vector<T>& list) {
    each(number, [&](std::string_view content) { take(content, list.emplace_back()); });
  }
  template <class T>
  void operator()(std::uint16_t number, std::optional<T>& value) {
    each(number, [&](std::string_view content) { take(content, value.emplace()); });
  }
  template <class T>
  void operator()(std::uint16_t number, T& value) {
    each(number, [&](std::string_view content) { take(content, value); });
  }

 private:
  static constexpr std::size_t kHead = sizeof(std::uint16_t) + sizeof(std::uint32_t);

  template <class Do>
  void each(std::uint16_t wanted, Do found) {
    for (std::string_view rest = bytes_; rest.size() >= kHead;) {
      std::uint16_t number = 0;
      std::uint32_t length = 0;
      std::memcpy(&number, rest.data(), sizeof number);
      std::memcpy(&length, rest.data() + sizeof number, sizeof length);
      rest.remove_prefix(kHead);
      if (length > rest.size()) return;
      if (number == wanted) found(rest.substr(0, length));
      rest.remove_prefix(length);
    }
  }
  template <class T>
  static void take(std::string_view content, T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      value = content;
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      value = static_cast<T>(number_in<std::int64_t>(content));
    } else if constexpr (std::is_floating_point_v<T>) {
      value = static_cast<T>(number_in<double>(content));
    } else if constexpr (IsDuration<T>::value) {
      value = T(number_in<std::int64_t>(content));
    } else if constexpr (IsTimePoint<T>::value) {
      value = T(typename T::duration(number_in<std::int64_t>(content)));
    } else {
      Reader inside(content);
      fields(inside, value);
    }
  }
  template <class N>
  static N number_in(std::string_view content) {
    N out{};
    if (content.size() == sizeof out) std::memcpy(&out, content.data(), sizeof out);
    return out;
  }
  std::string_view bytes_;
};

template <class T>
std::string to_bytes(T value) {
  std::string out;
  Writer writer(out);
  fields(writer, value);
  return out;
}
template <class T>
T from_bytes(std::string_view bytes) {
  T out{};
  Reader reader(bytes);
  fields(reader, out);
  return out;
}

}  // namespace keeper::tagged
