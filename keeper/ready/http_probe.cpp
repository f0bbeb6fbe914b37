#include "keeper/ready/http_probe.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <cerrno>

#include "keeper/ready/connecting.hpp"

namespace keeper {
namespace {

using std::string;

constexpr std::size_t kMostLine = 4096;

class Asking : public Connecting {
 public:
  Asking(asio::io_context& io, const string& host, std::uint16_t port, const string& path, Stranger stranger,
         Ended ended)
      : Connecting(io, host, port, std::move(stranger), std::move(ended)),
        request_(http_request(host, port, path)) {}

 private:
  void connected() override;
  void wait();
  void look();

  string request_;
  string line_;
};

/// A new connection takes a few hundred bytes at once, or it is faulty.
void Asking::connected() {
  ssize_t sent = send(socket().native_handle(), request_.data(), request_.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(request_.size())) return end(false, "closed the connection");
  wait();
}

void Asking::wait() {
  socket().async_wait(asio::posix::descriptor_base::wait_read, living_.only([this] { look(); }));
}

void Asking::look() {
  char bytes[512];
  ssize_t got = recv(socket().native_handle(), bytes, sizeof bytes, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return wait();
  if (got <= 0) return end(false, "closed the connection without an answer");
  line_.append(bytes, static_cast<std::size_t>(got));
  auto newline = line_.find('\n');
  if (newline == string::npos && line_.size() < kMostLine) return wait();
  auto status = http_status(std::string_view(line_).substr(0, newline));
  if (!status || newline == string::npos) return end(false, "answered something that is not HTTP");
  end(*status >= 200 && *status < 400, "answered " + std::to_string(*status));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

string http_request(const string& host, std::uint16_t port, const string& path) {
  string name = host.find(':') == string::npos ? host : "[" + host + "]";
  if (port != 80) name += ":" + std::to_string(port);
  return "GET " + path + " HTTP/1.1\r\nHost: " + name +
         "\r\nUser-Agent: keeper\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

std::optional<int> http_status(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  constexpr std::size_t front = 9, size = 12;  // "HTTP/1.1 " and "200"
  if (line.size() < size || !line.starts_with("HTTP/1.") || !is_digit(line[7]) || line[8] != ' ')
    return std::nullopt;
  if (line.size() > size && line[size] != ' ') return std::nullopt;
  auto code = line.substr(front, size - front);
  if (!std::all_of(code.begin(), code.end(), is_digit)) return std::nullopt;
  return (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
}

std::unique_ptr<Probe> http_probe(asio::io_context& io, string host, std::uint16_t port, string path,
                                  std::function<void()> on_success, Stranger stranger) {
  auto make = [&io, host = std::move(host), port, path = std::move(path),
               stranger = std::move(stranger)](Attempt::Ended ended) {
    return std::make_unique<Asking>(io, host, port, path, stranger, std::move(ended));
  };
  return std::make_unique<Probe>(io, std::move(make), Millis(2'000), std::move(on_success));
}

}  // namespace keeper
