#include "keeper/log/syslog_sender.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "protocol/base/clock.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/lifetime.hpp"
#include "protocol/base/units.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr Millis kAgain{1'000};

template <class Address>
SyslogAddress as_bytes(const Address& address) {
  SyslogAddress out;
  std::memcpy(&out.bytes, &address, sizeof address);
  out.size = sizeof address;
  return out;
}

/// Parses "10.0.0.1", "::1", "fe80::1%eth0", "fe80::1%2"; size 0 for other text.
SyslogAddress ip_address(const string& text, int port) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) return as_bytes(four);
  auto percent = text.find('%');
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET6, text.substr(0, percent).c_str(), &six.sin6_addr) != 1) return {};
  if (percent == string::npos) return as_bytes(six);
  string zone = text.substr(percent + 1);
  auto number = parse_number(zone, 0, 0x7FFF'FFFF);
  six.sin6_scope_id = number ? static_cast<std::uint32_t>(*number) : if_nametoindex(zone.c_str());
  return as_bytes(six);
}

}  // namespace

std::vector<SyslogAddress> local_syslog(const string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  path.copy(address.sun_path, path.size());
  return {as_bytes(address)};
}

std::vector<SyslogAddress> udp_syslog(string_view addresses, int port) {
  std::vector<SyslogAddress> out;
  while (!addresses.empty()) {
    string one(addresses.substr(0, addresses.find(' ')));
    addresses.remove_prefix(std::min(addresses.size(), one.size() + 1));
    if (SyslogAddress address = ip_address(one, port); address.size > 0) out.push_back(address);
  }
  return out;
}

SyslogSender::SyslogSender(asio::io_context& io, SyslogMessage message, string where,
                           std::vector<SyslogAddress> addresses)
    : message_(std::move(message)), where_(std::move(where)), addresses_(std::move(addresses)), waiter_(io) {
  if (addresses_.empty()) trouble_ = "cannot send to " + where_ + ": it has no address";
}

SyslogSender::~SyslogSender() {
  leave();
}

void SyslogSender::send(string_view line, WallTime time, LogStream stream, int pid) {
  string_view message = message_.make(line, time, stream, pid);
  if (!kept_.empty()) return keep(message);  // keeps the order
  Sent sent = put(message);
  if (sent == Sent::later) keep(message);
  if (sent == Sent::no) ++dropped_;
}

SyslogSender::Sent SyslogSender::put(string_view message) {
  bool was_gone = false;
  while (is_there()) {
    if (::send(socket_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
      // Over IP a successful send does not prove that a receiver exists.
      if (!was_gone || !over_ip_) trouble_.clear();
      return Sent::yes;
    }
    int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN) return Sent::later;
    failed(error);
    if (!gone(error)) return Sent::no;
    if (was_gone && over_ip_) return Sent::no;
    was_gone = true;
  }
  return Sent::no;
}

/// Returns whether the error means that the other end left, so that an immediate search may help.
bool SyslogSender::gone(int error) {
  if (over_ip_) {
    if (error != ECONNREFUSED) return false;
    ++dropped_;  // the error is of an earlier message; this one was not tried
    if (addresses_.size() > 1) leave();
    return true;
  }
  if (error == EMSGSIZE || error == ENOBUFS || error == ENOMEM) return false;
  leave();
  return true;
}

void SyslogSender::failed(int error) {
  trouble_ = "cannot send to " + where_ + ": " + strerror(error);
}

/// Returns whether it has a socket, or finds one if a search is due.
bool SyslogSender::is_there() {
  if (socket_) return true;
  Millis now = steady_now();
  if (now - opened_at_ >= kAgain) {
    opened_at_ = now;
    opened_ = 0;
  }
  while (opened_ < addresses_.size()) {
    ++opened_;
    if (open(addresses_[next_++ % addresses_.size()])) return true;
  }
  return false;
}

bool SyslogSender::open(const SyslogAddress& address) {
  int family = address.bytes.ss_family;
  Fd fd(socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  bool good = fd && connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size) == 0;
  if (!good) {
    failed(errno);
    return false;
  }
  socket_ = std::move(fd);
  over_ip_ = family != AF_UNIX;
  return true;
}

/// Closes the socket.
void SyslogSender::leave() {
  if (waiter_.is_open()) waiter_.release();
  waits_ = false;
  socket_.reset();
}

// --- messages that wait for room

void SyslogSender::keep(string_view message) {
  if (kept_bytes_ + message.size() > kMostKept) {
    ++dropped_;
    trouble_ = "cannot send to " + where_ + ": it takes less than there is";
    return;
  }
  kept_bytes_ += message.size();
  kept_.emplace_back(message);
  wait();
}

void SyslogSender::send_kept() {
  while (!kept_.empty()) {
    Sent sent = put(kept_.front());
    if (sent == Sent::later) return wait();
    if (sent == Sent::no) ++dropped_;
    kept_bytes_ -= kept_.front().size();
    kept_.pop_front();
  }
  std::deque<string>().swap(kept_);
}

/// Watched only while something waits: otherwise each accepted message would wake this process.
void SyslogSender::wait() {
  if (waits_) return;
  std::error_code error;
  waiter_.assign(socket_.get(), error);
  if (error) return;  // the next message tries again
  waits_ = true;
  waiter_.async_wait(asio::posix::descriptor_base::wait_write, [this](std::error_code refused) {
    if (cancelled(refused)) return;
    waits_ = false;
    if (waiter_.is_open()) waiter_.release();
    send_kept();
  });
}

void SyslogSender::finish(Millis patience) {
  while (!kept_.empty()) {
    pollfd p{socket_.get(), POLLOUT, 0};
    std::size_t before = kept_.size();
    if (socket_ && poll(&p, 1, static_cast<int>(patience.count())) <= 0) return;
    waits_ = true;  // there is no loop
    send_kept();
    if (kept_.size() == before) return;
  }
}

}  // namespace keeper
