// Finds the process that holds a port, for a start that failed with EADDRINUSE.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "protocol/store/home.hpp"

namespace keeper {

/// Returns the TCP port that a program's output reports as in use: "listen EADDRINUSE: address already in use
/// :::3000", "bind() to 0.0.0.0:80 failed (98: Address already in use)". 0 if it does not name the port;
/// nothing if the output reports no such error.
std::optional<int> port_in_use(std::string_view output);

struct PortHolder {
  int pid = 0;         ///< 0: this user may not see which process it is
  std::string stem{};  ///< of the app that the process claims to belong to; empty: none
  int main_pid = 0;    ///< of that app's run; 0: of none
};
/// Returns the process that listens at a TCP port, in this process's network namespace; nothing if there is
/// none. A keeper counts if no other process has the socket.
std::optional<PortHolder> holder_of_port(int port);

/// Returns one sentence on the holder of the port that the last run of an app could not bind, with a remedy:
/// "port 3000 is held by pid 4711 (node srv.js) of api, ...". Empty if its output reports no port in use, or
/// only the app itself holds it by now.
std::string port_conflict(const Home& home, const AppId& id, std::string_view output);

}  // namespace keeper
