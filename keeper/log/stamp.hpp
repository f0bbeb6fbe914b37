// The time in front of a line: RFC 3339 with milliseconds in the local zone (2026-11-20T17:24:00.123+01:00; Z
// for UTC), or log_date_format.
//
// Everything is computed once a second, with the offset, so a change to summer time takes effect; within the
// second only the milliseconds are rewritten. The zone is $TZ or /etc/localtime at the start of the process.
#pragma once
#include <string>
#include <string_view>

#include "protocol/wire/log_fields.hpp"

namespace keeper {

class Stamp {
 public:
  /// An empty format: RFC 3339.
  explicit Stamp(DateFormat format = {}) : format_(std::move(format)) {}

  /// Returns the text for `time`, valid until the next call.
  std::string_view text(WallTime time) {
    if (!known_ || time != time_) render(time);
    return text_;
  }

 private:
  void render(WallTime time);

  DateFormat format_;
  std::string text_;
  WallTime time_;
  bool known_ = false;  ///< text_ is valid for time_
};

}  // namespace keeper
