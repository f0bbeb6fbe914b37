// A connection to one keeper: a call with a deadline. Calls block, for programs that have nothing else to do
// meanwhile; fleet.hpp calls many keepers at once.
#pragma once
#include <string>

#include "protocol/base/fd.hpp"
#include "protocol/client/steps.hpp"
#include "protocol/store/home.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {

class Client {
 public:
  /// Connects to the keeper of STEM. Errors: not_found, unreachable, refused (Home::connect_socket).
  static Result<Client> connect(const Home& home, const std::string& stem);

  /// Sends a request and waits up to `wait` for its reply (negative: without end). Errors: timeout,
  /// unreachable (the keeper ended), and the keeper's own. `doing` begins the error texts: "stop api".
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
