// Result<T>: a value, or an Error that says what could not be done, to what, and why.
//
// Used for everything that can go wrong in a healthy program (a missing file, a peer that hangs up, a bad
// number). Exceptions are for our own mistakes; they end in main. (g++ 12 and clang 14 have no
// std::expected.)
#pragma once
#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace keeper {

/// The reason as one word that a program can act on. On the wire it is an error's `data.reason`.
enum class Reason {
  failed,       ///< tried, and the system refused
  usage,        ///< the words of the call are wrong
  invalid,      ///< a value or a record is malformed
  not_found,    ///< no such app, file or program
  not_running,  ///< the app exists and has no child
  already,      ///< already so: the name is kept by another keeper
  timeout,      ///< the deadline passed
  unreachable,  ///< no process answers at the socket
  refused,      ///< not allowed: another user, an unsafe directory
  too_large,    ///< over a bound
  busy,         ///< no room for another client just now
  full,         ///< of a connection: it was turned away; `busy` on the wire
  changed,      ///< the requested run is not the current one any more
  unsupported,  ///< this keeper does not have it
  internal,     ///< a bug of the program
};

/// Returns "not_found" and so on.
std::string_view word(Reason reason);
/// Returns the reason for such a word; Reason::failed for a newer peer's word.
Reason reason_of(std::string_view word);

struct Error {
  Reason reason = Reason::failed;
  std::string doing;  ///< the failed action and its object, after "cannot": "connect to /x/api.sock"
  std::string about;  ///< the cause or the remedy; may be empty
  int errnum = 0;     ///< errno(3), 0 if no system call failed

  /// Returns "cannot DOING: ABOUT: strerror(ERRNUM)", without the missing parts.
  std::string text() const;
  /// Returns the part after "cannot DOING: ".
  std::string why() const;
};

/// Returns Reason::invalid, for a text that cannot be read.
Error invalid(std::string why);
/// Returns the same: "'TEXT' HAS".
Error invalid(std::string_view text, std::string_view has);
/// Returns the same: "'TEXT' is not WHAT".
Error is_not(std::string_view text, std::string_view what);
/// Makes an Error from the current errno.
Error system_error(std::string doing, std::string about = {});

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : data_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : data_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return data_.index() == 0; }
  T& operator*() & { return std::get<0>(data_); }
  const T& operator*() const& { return std::get<0>(data_); }
  T&& operator*() && { return std::get<0>(std::move(data_)); }
  T* operator->() { return &std::get<0>(data_); }
  const T* operator->() const { return &std::get<0>(data_); }
  const Error& error() const { return std::get<1>(data_); }

 private:
  std::variant<T, Error> data_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}

  explicit operator bool() const { return !failed_; }
  const Error& error() const {
    assert(failed_);
    return error_;
  }

 private:
  bool failed_ = false;
  Error error_;
};

using Done = Result<void>;

}  // namespace keeper
