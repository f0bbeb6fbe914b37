// The time in front of a line: RFC 3339 with milliseconds in the local zone (2026-11-20T17:24:00.123+01:00; Z
// for UTC), or what log_date_format says.
//
// All is worked out once a second, the offset too, so a change to summer time is seen; within the second only
// the milliseconds are written anew. The zone is the one of $TZ or /etc/localtime when the process began.
#pragma once
#include <string>
#include <string_view>

#include "protocol/wire/log_fields.hpp"

namespace keeper {

class Stamp {
 public:
  /// An empty format: RFC 3339.
  explicit Stamp(DateFormat format = {}) : format_(std::move(format)) {}

  /// The text for `time`, good until the next call.
  std::string_view text(WallTime time) {
    if (!known_ || time != time_) render(time);
    return text_;
  }

 private:
  void render(WallTime time);

  DateFormat format_;
  std::string text_;
  WallTime time_;
  bool known_ = false;  ///< text_ is that of time_
};

}  // namespace keeper
