// http: a GET is answered with 2xx or 3xx (RFC 9110, RFC 9112). Sends one request line, reads one status line
// and nothing after it, follows no redirect.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "keeper/ready/connecting.hpp"
#include "keeper/ready/probe.hpp"

namespace keeper {

/// `host` is a numeric address or "localhost", `path` begins with a slash and contains nothing that ends a
/// request line. A try ends after 2 s. A stranger gets no request, and does not count.
std::unique_ptr<Probe> http_probe(asio::io_context& io, std::string host, std::uint16_t port,
                                  std::string path, std::function<void()> on_success, Stranger stranger = {});

/// Returns the request: HTTP/1.1, with Connection: close.
std::string http_request(const std::string& host, std::uint16_t port, const std::string& path);
/// Returns the status of "HTTP/1.1 200 OK", with or without a carriage return; nothing for other lines.
std::optional<int> http_status(std::string_view line);

}  // namespace keeper
