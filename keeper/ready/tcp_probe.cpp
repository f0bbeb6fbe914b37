#include "keeper/ready/tcp_probe.hpp"

namespace keeper {

std::unique_ptr<Probe> tcp_probe(asio::io_context& io, std::string host, std::uint16_t port,
                                 std::function<void()> on_success, Stranger stranger) {
  auto make = [&io, host = std::move(host), port, stranger = std::move(stranger)](Attempt::Ended ended) {
    return std::make_unique<Connecting>(io, host, port, stranger, std::move(ended));
  };
  return std::make_unique<Probe>(io, std::move(make), Millis(2'000), std::move(on_success));
}

}  // namespace keeper
