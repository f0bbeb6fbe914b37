// What `restart` and `reload` may change of an app's spec.
#pragma once
#include "ctl/cli/arguments.hpp"
#include "ctl/ops/spec_change.hpp"

namespace keeper {

class SpecOptions {
 public:
  void declare(Arguments& arguments);
  /// After the parse: the exit code of a command that ends here, if it does.
  std::optional<int> check(const Arguments& arguments);
  const SpecChange& change() const { return change_; }

 private:
  std::vector<std::string> variables_;
  SpecChange change_;
};

}  // namespace keeper
