#include "protocol/client/question.hpp"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>

#include "protocol/base/datagram.hpp"
#include "protocol/client/deadline.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

/// The number of replies that a socket queues before they are read (net.unix.max_dgram_qlen, 10 by default).
constexpr std::size_t kEach = 10;
constexpr std::size_t kMostReply = 16 * 1024;
constexpr int kMostStrays = 1000;
constexpr unsigned kIndexBits = 20;  // of an id; a number in JSON is exact up to 53 bits

using Replies = std::vector<std::optional<std::string>>;

/// A socket that receives replies.
struct Inbox {
  Fd socket;
  std::size_t awaited = 0;
};

/// Binds to an address that the kernel chooses (unix(7), autobind).
Fd open_inbox() {
  Fd out(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un none{};
  none.sun_family = AF_UNIX;
  if (!out || !pass_credentials(out.get()) ||
      bind(out.get(), reinterpret_cast<const sockaddr*>(&none), sizeof none.sun_family) != 0)
    return Fd();
  return out;
}

/// Returns the start of the ids, so that a reply to an earlier owner of the address is not accepted.
std::uint64_t new_series() {
  std::uint32_t random = 0;
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) return 0;
  return static_cast<std::uint64_t>(random) << kIndexBits;
}

class Round {
 public:
  Round(const Home& home, const std::vector<AppId>& ids) : home_(home), ids_(ids), replies_(ids.size()) {}

  Replies ask(Millis quiet) {
    for (std::size_t i = 0; i < ids_.size() && i < std::size_t{1} << kIndexBits; ++i)
      if (!send(i)) break;
    // In the order of the questions: the inbox keeps a reply that comes meanwhile.
    for (auto inbox = inboxes_.begin(); inbox != inboxes_.end(); ++inbox)
      while (inbox->awaited > 0 && (take_one(*inbox) || wait(*inbox, quiet))) {
      }
    return std::move(replies_);
  }

 private:
  /// Returns false if no more sockets are available.
  bool send(std::size_t index) {
    if (inboxes_.empty() || inboxes_.back().awaited == kEach) inboxes_.push_back({open_inbox()});
    Inbox& inbox = inboxes_.back();
    if (!inbox.socket) return false;
    const auto address = home_.ask_address(ids_[index].stem());
    if (!address) return true;
    const std::string line = request_line(series_ + index, GetStatus{});
    if (send_datagram(inbox.socket.get(), line, *address, sizeof *address) > 0) ++inbox.awaited;
    return true;
  }

  bool take_one(Inbox& inbox) {
    char bytes[kMostReply];
    const Datagram got = receive_datagram(inbox.socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (got.bytes < 0) return false;
    if (got.sender != home_.owner()) return --strays_ > 0;  // anybody may send to such an address
    std::string_view line(bytes, static_cast<std::size_t>(got.bytes));
    auto reply = decode_reply(line.substr(0, line.find('\n')));
    if (got.cut || !reply || !reply->id || *reply->id - series_ >= ids_.size()) return --strays_ > 0;
    --inbox.awaited;
    if (!reply->error) replies_[*reply->id - series_] = std::move(reply->result);
    return true;
  }

  /// Returns false, and from then on always, after `quiet` without a reply.
  bool wait(const Inbox& inbox, Millis quiet) {
    pollfd polled{inbox.socket.get(), POLLIN, 0};
    const Deadline deadline(patient_ ? quiet : Millis(0));
    int ready = 0;
    do {
      ready = poll(&polled, 1, deadline.left_for_poll());
    } while (ready < 0 && errno == EINTR && !deadline.passed());
    patient_ = patient_ && ready > 0 && strays_ > 0;
    return ready > 0 && strays_ > 0;
  }

  const Home& home_;
  const std::vector<AppId>& ids_;
  Replies replies_;
  std::vector<Inbox> inboxes_;
  int strays_ = kMostStrays;  ///< datagrams of strangers, after which the rest is not waited for
  bool patient_ = true;
  const std::uint64_t series_ = new_series();
};

}  // namespace

Replies ask_by_datagram(const Home& home, const std::vector<AppId>& ids, Millis quiet) {
  return Round(home, ids).ask(quiet);
}

}  // namespace keeper
