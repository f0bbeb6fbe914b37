#include "keeper/control/ask_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <exception>

#include "protocol/base/datagram.hpp"
#include "protocol/base/discard.hpp"
#include "protocol/base/lifetime.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostQuestion = 256;

/// The one reply, which is given before handle() returns.
class OneReply : public Answer::Sink {
 public:
  Result<std::shared_ptr<Answer::Outlet>> open_stream() override {
    return Error{Reason::usage, "begin a stream", "that needs a connection", 0};
  }
  bool room_for(std::size_t) const override { return true; }
  void deliver(std::string reply) override { text = std::move(reply) + "\n"; }
  void attach(Fd) override {}

  std::string text;
};

/// Returns the one request of a question; nothing if it is not a single status.
const Request* only_status(const RequestLine& line) {
  if (line.batch || line.items.size() != 1) return nullptr;
  const auto* request = std::get_if<Request>(&line.items.front());
  const bool fits = request != nullptr && request->answer && std::holds_alternative<GetStatus>(request->what);
  return fits ? request : nullptr;
}

}  // namespace

AskSocket::AskSocket(asio::io_context& io, Fd socket, Service& service)
    : socket_(io, socket.get()), service_(service) {
  static_cast<void>(socket.release());
  wait();
}

void AskSocket::wait() {
  socket_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (cancelled(error)) return;
    try {
      answer_one();
    } catch (const std::exception&) {
      // No memory: the client gets no reply, and connects.
    }
    wait();
  });
}

/// One per loop iteration, as for connections.
void AskSocket::answer_one() {
  char question[kMostQuestion];
  const Datagram datagram =
      receive_datagram(socket_.native_handle(), question, sizeof question, MSG_DONTWAIT | MSG_PEEK);
  if (datagram.bytes < 0) return;
  if (!datagram.descriptors || !discard_by_child(socket_.native_handle(), 1))
    recv(socket_.native_handle(), nullptr, 0, MSG_DONTWAIT);
  if (datagram.bytes <= 0 || datagram.cut || !datagram.sender) return;
  const Caller caller{0, *datagram.sender};
  if (caller.uid != 0 && caller.uid != geteuid()) return service_.refused(caller);
  std::string_view line(question, static_cast<std::size_t>(datagram.bytes));
  if (line.ends_with('\n')) line.remove_suffix(1);
  const RequestLine decoded = decode_requests(line);
  const Request* request = only_status(decoded);
  if (request == nullptr) return;
  auto reply = std::make_shared<OneReply>();
  service_.handle(std::get<GetStatus>(request->what), caller, Answer(reply, request->id));
  if (!reply->text.empty())
    send_datagram(socket_.native_handle(), reply->text, datagram.from, datagram.from_size);
}

}  // namespace keeper
