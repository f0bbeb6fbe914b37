#include "protocol/client/client.hpp"

namespace keeper {

Result<Client> Client::connect(const Home& home, const std::string& stem) {
  auto socket = home.connect_socket(stem);
  if (!socket) return socket.error();
  return Client(std::move(*socket));
}

Result<std::string> Client::exchange(const std::string& line, Millis wait, const std::string& doing) {
  return finish_exchange(socket_.get(), line, lines_, id_, Deadline(wait), doing);
}

}  // namespace keeper
