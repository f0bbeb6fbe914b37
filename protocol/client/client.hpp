// One keeper's socket: a call with a deadline. Blocking, for programs that have nothing else to do meanwhile;
// many keepers at once are the fleet's (fleet.hpp).
#pragma once
#include <string>

#include "protocol/client/steps.hpp"
#include "protocol/home/home.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {

class Client {
 public:
  /// Connects to the keeper of STEM. Errors: not_found, unreachable, refused (home.hpp, connect_socket).
  static Result<Client> connect(const Home& home, const std::string& stem);

  /// Sends a request and waits for its reply for `wait` (negative: without end). Errors: timeout, unreachable
  /// (the keeper went away), and what the keeper answered. `doing` begins their text: "stop api".
  template <class M>
  Result<typename M::Reply> call(const M& request, Millis wait, const std::string& doing) {
    auto reply = exchange(request_line(++id_, request), wait, doing);
    if (!reply) return reply.error();
    return read_as<typename M::Reply>(*reply);
  }

  int fd() const { return socket_.get(); }

 private:
  explicit Client(Fd socket) : socket_(std::move(socket)) {}
  Result<std::string> exchange(const std::string& line, Millis wait, const std::string& doing);

  Fd socket_;
  std::uint64_t id_ = 0;
  LineBuffer lines_{kMostReply};
};

}  // namespace keeper
