// tcp: a connection can be made. It is closed at once; the program sees one that says nothing.
#pragma once
#include <string>

#include "keeper/ready/connecting.hpp"
#include "keeper/ready/probe.hpp"

namespace keeper {

/// `host` is a numeric address or "localhost". A try ends after 2 s. A connection that a stranger accepts
/// does not count.
std::unique_ptr<Probe> tcp_probe(asio::io_context& io, std::string host, std::uint16_t port,
                                 std::function<void()> on_success, Stranger stranger = {});

}  // namespace keeper
