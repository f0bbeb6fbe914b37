// The lines of a log as they are shown: behind a prefix where there are several, made harmless on a terminal.
#pragma once
#include <string>
#include <string_view>

namespace keeper {

class LogLineWriter {
 public:
  /// `prefix` is put before each line as it is; `harmless`: control characters are escaped.
  LogLineWriter(std::string prefix, bool harmless) : prefix_(std::move(prefix)), harmless_(harmless) {}

  /// The whole lines that these bytes end. A line longer than 64 KiB is broken, so that no log can fill the
  /// memory.
  std::string add(std::string_view bytes);
  /// What is left, as a last line.
  std::string finish();

 private:
  void add_line(std::string& out, std::string_view line) const;

  std::string prefix_;
  bool harmless_;
  std::string rest_;  ///< of a line whose end has not come yet
};

}  // namespace keeper
