// ReadyCondition: one proof that a run works, as users write it.
//
//   secs              it has lived for start_secs
//   notify            it says READY=1 (sd_notify(3))
//   node              its program says process.send('ready') to its keeper
//   fd:N              it writes a newline into its descriptor N (s6's notification-fd)
//   tcp:PORT          a connection can be made; also tcp:HOST:PORT, tcp:[V6]:PORT
//   http:URL          a GET is answered by 2xx or 3xx: http://HOST:PORT/PATH, http:PORT/PATH, http:PORT
//   cmd:COMMAND       /bin/sh -c COMMAND ends with code 0
//   log:EXPRESSION    a line of its output matches (POSIX extended, regex(7))
//
// HOST is a numeric address or localhost: a static program has no name service to ask.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/result.hpp"
#include "protocol/base/words.hpp"

namespace keeper {

struct ReadyCondition {
  enum class Kind { secs, notify, node, fd, tcp, http, cmd, log };

  /// Errors: invalid, with a valid form.
  static Result<ReadyCondition> parse(std::string_view text);

  Kind kind = Kind::secs;
  std::string text{"secs"};  ///< as given
  int fd = -1;               ///< of fd: 3 to 1023, the child's number for it
  std::string host;          ///< of tcp and http: "127.0.0.1", "::1", "localhost"
  std::uint16_t port = 0;
  std::string argument;  ///< the path of http ("/health?full"), the command of cmd, the expression of log

  bool operator==(const ReadyCondition&) const = default;
};

template <>
inline constexpr std::array<WordOf<ReadyCondition::Kind>, 8> kWordsOf<ReadyCondition::Kind>{
    {{ReadyCondition::Kind::secs, "secs"},
     {ReadyCondition::Kind::notify, "notify"},
     {ReadyCondition::Kind::node, "node"},
     {ReadyCondition::Kind::fd, "fd"},
     {ReadyCondition::Kind::tcp, "tcp"},
     {ReadyCondition::Kind::http, "http"},
     {ReadyCondition::Kind::cmd, "cmd"},
     {ReadyCondition::Kind::log, "log"}}};

}  // namespace keeper
