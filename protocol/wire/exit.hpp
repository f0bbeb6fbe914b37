// The end of a process: an exit code or a signal, and the sets of those that count as expected.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"

namespace keeper {

/// The end of a run. `unknown` means that the status could not be read any more: it is unexpected for
/// `restart: on-failure`, matches no exit code, and gives exit code 1 in the foreground.
struct ExitInfo {
  enum class Kind { code, signal, unknown };
  Kind kind = Kind::unknown;
  int value = 0;  ///< exit code 0..255, or signal number
  bool core_dumped = false;

  static ExitInfo code(int value) { return {Kind::code, value, false}; }
  static ExitInfo signal(int value, bool core = false) { return {Kind::signal, value, core}; }
  static ExitInfo unknown() { return {}; }
  bool operator==(const ExitInfo&) const = default;
};

/// Returns "code 3", "SIGKILL", "SIGSEGV (core dumped)", "unknown".
std::string exit_text(const ExitInfo& exit);
/// Returns "ended with code 3", "was ended by SIGKILL", "ended, and nobody knows how".
std::string ended_text(const ExitInfo& exit);
/// Returns a shell's exit code for it: the code, 128 + N for a signal, 1 for unknown.
int shell_code(const ExitInfo& exit);

/// A set of exits that count as expected: codes, ranges of codes, signals: "0,2,10-19,SIGTERM".
class ExitCodes {
 public:
  ExitCodes() : ranges_{{0, 0}} {}
  static Result<ExitCodes> parse(std::string_view text);
  bool contains(const ExitInfo& exit) const;
  std::string text() const;
  bool operator==(const ExitCodes&) const = default;

 private:
  struct Range {
    int low, high;
    bool operator==(const Range&) const = default;
  };
  std::vector<Range> ranges_;
  std::vector<int> signals_;
};

}  // namespace keeper
