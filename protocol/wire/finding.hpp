// What `ctl doctor` says: one thing that is wrong with a home, and what to do about it.
#pragma once
#include <optional>
#include <string>

#include "protocol/wire/words.hpp"

namespace keeper {

enum class Severity {
  error,    ///< something does not work
  warning,  ///< it may not work, or is left over
  note      ///< worth knowing; nothing is wrong
};
template <>
inline constexpr std::array<WordOf<Severity>, 3> kWordsOf<Severity>{
    {{Severity::error, "error"}, {Severity::warning, "warning"}, {Severity::note, "note"}}};

struct Finding {
  Severity severity = Severity::error;
  std::optional<std::string> app;  ///< "api", "api:2"; nothing where it is about the home or the system
  std::string what;
  std::string remedy;  ///< what to do; where it was mended, what was done
  bool fixed = false;

  /// Whether somebody still has to do something.
  bool remains() const { return severity != Severity::note && !fixed; }
};

}  // namespace keeper
