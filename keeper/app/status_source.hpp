// StatusSource: what an app is like now, for parts that answer or record it.
#pragma once
#include <string>

#include "protocol/wire/status.hpp"

namespace keeper {

class StatusSource {
 public:
  virtual ~StatusSource() = default;
  /// Returns the status without memory and CPU, which have to be measured.
  virtual Status status() = 0;
  /// Returns why a run cannot be ended; empty while none is stuck.
  virtual std::string stuck_text() const = 0;
};

}  // namespace keeper
