// Sends messages to syslog, as datagrams: to the local socket (/dev/log), or over UDP.
//
// Never makes anybody wait, and never fails for good. What there is no room for just now is kept, 256 KiB of
// it, and sent when there is room; beyond that, and while nobody is there, messages are dropped and counted.
// A socket that is missing or was left by its daemon is looked for again with the next message, at most once
// a second.
//
// A host comes as addresses: keeper is linked statically and cannot ask the name service without waiting, so
// they are looked up when it is started (see prepare), and stand in the spec. Where one refuses, the next one
// is taken. Over UDP nobody tells what was lost on the way; a machine that refuses says so of the message
// before.
#pragma once
#include <sys/socket.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "keeper/log/syslog_message.hpp"
#include "protocol/home/home.hpp"

namespace keeper {

struct SyslogAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};
/// Of the socket at a path; none where the path is too long for one.
std::vector<SyslogAddress> local_syslog(const std::string& path = "/dev/log");
/// Of "::1 127.0.0.1", without what is no address.
std::vector<SyslogAddress> udp_syslog(std::string_view addresses, int port);

class SyslogSender {
 public:
  static constexpr std::size_t kMostKept = 256 << 10;
  static constexpr std::size_t kMostOfLocal = 8 << 10;  ///< bytes of a message; what rsyslog takes

  /// `where`: the other end, for people.
  SyslogSender(asio::io_context& io, SyslogMessage message, std::string where,
               std::vector<SyslogAddress> addresses);
  ~SyslogSender();
  SyslogSender(const SyslogSender&) = delete;
  SyslogSender& operator=(const SyslogSender&) = delete;

  /// What messages are called after from now on.
  void rename(std::string_view name) { message_.rename(name); }
  /// A line, which may have newlines in it (a record of several lines): they go as they are.
  void send(std::string_view line, WallTime time, LogStream stream, int pid);
  /// Sends what is kept, for the end, when there is no loop any more, with pauses of at most `patience`.
  void finish(Millis patience);

  /// Messages that were not sent, as far as anybody said so.
  std::uint64_t dropped() const { return dropped_; }
  /// Why it cannot be sent just now; empty if all is well.
  const std::string& trouble() const { return trouble_; }

 private:
  enum class Sent { yes, later, no };
  Sent put(std::string_view message);
  bool is_there();
  bool open(const SyslogAddress& address);
  bool gone(int error);
  void failed(int error);
  void keep(std::string_view message);
  void send_kept();
  void wait();
  void leave();

  SyslogMessage message_;
  std::string where_;
  std::vector<SyslogAddress> addresses_;
  std::size_t next_ = 0;  ///< of them, to be tried
  Fd socket_;
  bool over_ip_ = false;
  Millis opened_at_{-1'000'000};  ///< when the addresses were begun with
  std::size_t opened_ = 0;        ///< how many of them since then
  std::deque<std::string> kept_;
  std::size_t kept_bytes_ = 0;
  bool waits_ = false;
  asio::posix::stream_descriptor waiter_;  ///< of the socket, while something is kept
  std::uint64_t dropped_ = 0;
  std::string trouble_;
};

}  // namespace keeper
