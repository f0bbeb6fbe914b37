// A finding of `ctl doctor`: one fault of a home, and its remedy.
#pragma once
#include <optional>
#include <string>

#include "protocol/base/words.hpp"

namespace keeper {

enum class Severity {
  error,    ///< a function does not work
  warning,  ///< it may not work, or is left over
  note      ///< worth knowing; not a fault
};
template <>
inline constexpr std::array<WordOf<Severity>, 3> kWordsOf<Severity>{
    {{Severity::error, "error"}, {Severity::warning, "warning"}, {Severity::note, "note"}}};

struct Finding {
  Severity severity = Severity::error;
  std::optional<std::string> app;  ///< "api", "api:2"; nothing if it is about the home or the system
  std::string what;
  std::string remedy;  ///< what to do; after a repair, what was done
  bool fixed = false;

  /// Returns whether it still needs an action.
  bool remains() const { return severity != Severity::note && !fixed; }

  static void fields(auto&& v) {
    v("severity", &Finding::severity, "error, warning or note");
    v("app", &Finding::app, "the app; null where it is about the home or the system");
    v("what", &Finding::what, "what is wrong");
    v("remedy", &Finding::remedy, "what to do, or what was done");
    v("fixed", &Finding::fixed, "it was mended");
  }
};

}  // namespace keeper
