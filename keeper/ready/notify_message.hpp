// The content of one datagram to $NOTIFY_SOCKET (sd_notify(3)): lines KEY=VALUE, in any order. Unknown keys
// and invalid values are skipped; of two lines with the same key the first counts.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/units.hpp"

namespace keeper {

struct NotifyMessage {
  bool ready = false;                   ///< READY=1
  bool reloading = false;               ///< RELOADING=1
  bool stopping = false;                ///< STOPPING=1
  bool alive = false;                   ///< WATCHDOG=1
  bool hangs = false;                   ///< WATCHDOG=trigger
  bool barrier = false;                 ///< BARRIER=1
  std::optional<std::string> status{};  ///< STATUS: UTF-8 without control characters, at most 512 bytes
  std::optional<Millis> watchdog{};     ///< WATCHDOG_USEC, rounded up; 0: no watchdog any more
  std::optional<Millis> extend{};       ///< EXTEND_TIMEOUT_USEC, rounded up
  std::optional<int> main_pid{};        ///< MAINPID
  std::optional<int> errnum{};          ///< ERRNO
  bool operator==(const NotifyMessage&) const = default;
};

/// Returns nothing for a text with a NUL in it (one at its end is permitted), as systemd does. Durations are
/// ten years at most.
std::optional<NotifyMessage> parse_notify(std::string_view text);

}  // namespace keeper
