// Formats a line as a syslog message: for a collector as in RFC 5424, for the local socket as in RFC 5424 or
// syslog(3).
//
//   RFC 5424   <14>1 2026-11-20T16:24:00.123Z host api 1140 - - listening on 80
//   local      <14>Nov 20 16:24:00 api[1140]: listening on 80
//
// Facility `user`; severity `info`, of stderr `err`, of keeper's own lines `notice`. Times of RFC 5424 are
// UTC. A text that is UTF-8 and not ASCII follows the byte order mark that the RFC requires; other bytes are
// sent unchanged. A message longer than `most` is cut, not within a character, and ends in "[cut]".
//
// The local form is for daemons that expect nothing else on /dev/log: rsyslog takes the header of RFC 5424
// there for text, unless its UseSpecialParser is off.
#pragma once
#include <string>
#include <string_view>

#include "keeper/log/line_format.hpp"

namespace keeper {

enum class SyslogForm { rfc5424, local };

class SyslogMessage {
 public:
  /// A size that every collector accepts over UDP (RFC 5424, section 6.1).
  static constexpr std::size_t kMostOfUdp = 2048;

  /// Makes `host` and `name` valid: printable ASCII without spaces, at most 255 and 48 characters.
  SyslogMessage(SyslogForm form, std::string_view host, std::string_view name, std::size_t most = kMostOfUdp);

  void rename(std::string_view name);
  /// Returns the message for a line; valid until the next call. `pid` 0: no process. The local form's time is
  /// in the local zone.
  std::string_view make(std::string_view line, WallTime time, LogStream stream, int pid);

 private:
  void begin(WallTime time, LogStream stream, int pid);

  SyslogForm form_;
  std::string host_, name_;
  std::size_t most_;
  Stamp local_time_{DateFormat{"%b %e %H:%M:%S"}};
  std::string message_;
};

}  // namespace keeper
