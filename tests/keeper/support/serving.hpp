// An app that is given its socket by its keeper, and clients that ask it without a pause.
#pragma once
#include <signal.h>

#include "tests/keeper/support/http.hpp"

namespace keeper {

/// tests/children/listens.py, kept as "api".
class Serving {
 public:
  explicit Serving(Sandbox& box, Words options = {}) : box_(box), port_(free_port()) {
    set_version("1");
    Words words = {"--listen", address(), "--ready", "notify"};
    words.insert(words.end(), options.begin(), options.end());
    for (const char* word : {"python3", CHILD_SCRIPTS "/listens.py", "version"})
      words.emplace_back(word);
    box_.detach("api", words);
  }
  int port() const { return port_; }
  std::string address() const { return "tcp:127.0.0.1:" + std::to_string(port_); }
  /// For the next run; see listens.py.
  void set_version(const std::string& text) { write_text(box_.work() / "version", text + "\n"); }

  /// One answer; empty if there is none.
  std::string ask() const {
    Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = at(port_);
    const timeval patience{10, 0};
    setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
    char line[256] = {};
    if (write(client.get(), "?\n", 2) != 2) return {};
    const ssize_t got = read(client.get(), line, sizeof line - 1);
    return got > 0 ? line : "";
  }
  std::string version() const {
    const std::string line = ask();
    return line.substr(0, line.find(' '));
  }

 private:
  Sandbox& box_;
  int port_;
};

/// tests/children/asks.py, from now until it is asked how it went.
class Clients {
 public:
  Clients(Sandbox& box, int port)
      : asks_(box.start({{"python3", CHILD_SCRIPTS "/asks.py", std::to_string(port)}})) {
    EXPECT_TRUE(eventually([&] { return has(asks_.out(), "asks\n"); })) << asks_.err();
  }
  /// "answered 1000 by 1 2\n", and a line for each kind of failure.
  std::string end() {
    asks_.signal(SIGTERM);
    EXPECT_TRUE(asks_.wait().has_value());
    return asks_.out() + asks_.err();
  }
  void expect_all_answered() {
    const std::string said = end();
    EXPECT_TRUE(has(said, "answered ")) << said;
    EXPECT_FALSE(has(said, "answered 0 ")) << said;
    EXPECT_FALSE(has(said, "failed")) << said;
  }

 private:
  Background asks_;
};

}  // namespace keeper
