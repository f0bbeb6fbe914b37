// Asking children/serves.js something, as whoever uses it does.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {

/// The rest of what is read from a socket.
inline std::string rest_of(int fd) {
  std::string out;
  char bytes[4096];
  for (ssize_t got = 0; (got = recv(fd, bytes, sizeof bytes, 0)) > 0;)
    out.append(bytes, static_cast<std::size_t>(got));
  return out;
}

inline sockaddr_in at(int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(port));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

/// The answer to a GET; empty if it was refused or broken off.
inline std::string get(Fd socket, const std::string& path = "/") {
  timeval limit{20, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  if (send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
  const std::string all = rest_of(socket.get());
  const auto body = all.find("\r\n\r\n");
  return body == std::string::npos ? "" : all.substr(body + 4);
}

/// None: refused.
inline Fd connected_to(int port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in to = at(port);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) socket.reset();
  return socket;
}
inline std::string get(int port, const std::string& path = "/") {
  Fd socket = connected_to(port);
  return socket ? get(std::move(socket), path) : "";
}

/// A port that nobody has just now.
inline int free_port(Fd* held = nullptr) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in any = at(0);
  socklen_t size = sizeof any;
  EXPECT_EQ(0, bind(socket.get(), reinterpret_cast<sockaddr*>(&any), size));
  EXPECT_EQ(0, listen(socket.get(), 1));
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&any), &size);
  if (held != nullptr) *held = std::move(socket);
  return ntohs(any.sin_port);
}

/// What a worker said when it listened.
inline Json listening(Sandbox& box, const std::string& stem) {
  EXPECT_TRUE(eventually([&] { return box.logged(stem, "listening {"); })) << box.log(stem);
  std::string said;
  for (const std::string& line : lines_of(box.log(stem)))
    if (line.starts_with("listening ")) said = line.substr(10);
  return Json::parse(said, nullptr, false);
}

inline int port_of(Sandbox& box, const std::string& stem) {
  return listening(box, stem)["at"]["port"].get<int>();
}

inline std::set<int> who_answers(int port, int times) {
  std::set<int> out;
  for (int i = 0; i < times; ++i) {
    const Json answer = Json::parse(get(port), nullptr, false);
    if (answer.is_object()) out.insert(answer["pid"].get<int>());
  }
  return out;
}

/// Asks as a browser or a proxy does: on one connection for as long as the answers leave it open.
class StayingClient {
 public:
  explicit StayingClient(int port) : port_(port) {}
  /// False: it was broken off.
  bool ask() {
    if (!socket_ && !connect()) return false;
    constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    if (send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
    std::string answer;
    while (!is_whole(answer)) {
      char bytes[4096];
      const ssize_t got = recv(socket_.get(), bytes, sizeof bytes, 0);
      if (got <= 0) return false;
      answer.append(bytes, static_cast<std::size_t>(got));
    }
    if (has(answer, "Connection: close")) socket_.reset();
    return true;
  }

 private:
  bool connect() {
    socket_ = connected_to(port_);
    timeval limit{20, 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return static_cast<bool>(socket_);
  }
  static bool is_whole(const std::string& answer) {
    constexpr std::string_view length = "Content-Length: ";
    const auto body = answer.find("\r\n\r\n"), said = answer.find(length);
    return body != std::string::npos && said < body &&
           answer.size() == body + 4 + std::stoul(answer.substr(said + length.size()));
  }

  int port_;
  Fd socket_;
};

/// Asks again and again, from a thread of its own.
class Asking {
 public:
  enum class Client { for_each, stays };
  explicit Asking(int port, Client client = Client::for_each)
      : thread_([this, port, client] {
          StayingClient one(port);
          while (!done_) {
            ++asked_;
            if (client == Client::stays ? !one.ask() : get(port).empty()) ++failed_;
          }
        }) {}
  ~Asking() { end(); }
  void end() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int asked() const { return asked_; }
  int failed() const { return failed_; }

 private:
  std::atomic<bool> done_{false};
  std::atomic<int> asked_{0}, failed_{0};
  std::thread thread_;
};

}  // namespace keeper
