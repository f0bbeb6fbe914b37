// http: a GET is answered with 2xx or 3xx (RFC 9110, RFC 9112). One request line, one status line; nothing is
// read behind that, no redirect is followed.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "keeper/ready/connecting.hpp"
#include "keeper/ready/probe.hpp"

namespace keeper {

/// `host` is a numeric address or "localhost", `path` begins with a slash and has nothing in it that ends a
/// request line. A try is given up after 2 s. A stranger is not asked, and has not answered.
std::unique_ptr<Probe> http_probe(asio::io_context& io, std::string host, std::uint16_t port,
                                  std::string path, std::function<void()> on_success, Stranger stranger = {});

/// What is sent: HTTP/1.1, with Connection: close.
std::string http_request(const std::string& host, std::uint16_t port, const std::string& path);
/// The status of "HTTP/1.1 200 OK", with or without a carriage return; nothing for what is no status line.
std::optional<int> http_status(std::string_view line);

}  // namespace keeper
