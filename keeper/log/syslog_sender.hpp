// Sends messages to syslog, as datagrams: to the local socket (/dev/log), or over UDP.
//
// Never blocks, and no failure is final. Messages without room are kept, 256 KiB of them, and sent when there
// is room; beyond that, and while there is no receiver, messages are dropped and counted. If the socket is
// missing or its daemon has left it, it is searched again with the next message, at most once a second.
//
// A host is given as addresses: keeper is linked statically and cannot use the name service without waiting,
// so the host is looked up at the start (complete_spec), and the spec has the addresses. If one refuses, the
// next one is used. UDP does not report losses; a host that refuses reports that about the message before.
#pragma once
#include <sys/socket.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "keeper/log/syslog_message.hpp"
#include "protocol/base/fd.hpp"

namespace keeper {

struct SyslogAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};
/// Returns the address of the socket at a path; none if the path is too long.
std::vector<SyslogAddress> local_syslog(const std::string& path = "/dev/log");
/// Returns the addresses in "::1 127.0.0.1", and skips other words.
std::vector<SyslogAddress> udp_syslog(std::string_view addresses, int port);

class SyslogSender {
 public:
  static constexpr std::size_t kMostKept = 256 << 10;
  static constexpr std::size_t kMostOfLocal = 8 << 10;  ///< bytes of a message; rsyslog accepts them

  /// `where`: the receiver, for people.
  SyslogSender(asio::io_context& io, SyslogMessage message, std::string where,
               std::vector<SyslogAddress> addresses);
  ~SyslogSender();
  SyslogSender(const SyslogSender&) = delete;
  SyslogSender& operator=(const SyslogSender&) = delete;

  /// Changes the name in later messages.
  void rename(std::string_view name) { message_.rename(name); }
  /// Sends a line; newlines in it (a record of several lines) are kept.
  void send(std::string_view line, WallTime time, LogStream stream, int pid);
  /// Sends the kept messages at the end, when there is no loop any more, with pauses of at most `patience`.
  void finish(Millis patience);

  /// Messages that are known not to have been sent.
  std::uint64_t dropped() const { return dropped_; }
  /// Why nothing can be sent now; empty if all is well.
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
  std::size_t next_ = 0;  ///< index of the address to try next
  Fd socket_;
  bool over_ip_ = false;
  Millis opened_at_{-1'000'000};  ///< when the first address was tried
  std::size_t opened_ = 0;        ///< number of addresses tried since then
  std::deque<std::string> kept_;
  std::size_t kept_bytes_ = 0;
  bool waits_ = false;
  asio::posix::stream_descriptor waiter_;  ///< of the socket, while something is kept
  std::uint64_t dropped_ = 0;
  std::string trouble_;
};

}  // namespace keeper
