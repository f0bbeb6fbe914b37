// The options of `ctl logs`: as words, and what they come to.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ctl/cli/arguments.hpp"
#include "ctl/logs/source.hpp"

namespace keeper {

class LogOptions {
 public:
  explicit LogOptions(Arguments& arguments);
  /// Nothing: go on. Else an exit code, and it has been said why.
  std::optional<int> parse();

  std::vector<std::string> targets;
  LogWish wish;  ///< but for `run` and `timed`, which depend on the app
  std::optional<int> run;
  bool json = false;
  std::optional<Millis> timeout;

 private:
  Done read();
  Done read_times();
  Done read_cursors();

  Arguments& arguments_;
  std::string lines_, since_, until_, grep_, run_;
  std::vector<std::string> after_;
  bool out_ = false, err_ = false;
};

}  // namespace keeper
