// Who has the port that a program could not have: for a start that failed with EADDRINUSE.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "protocol/home/home.hpp"

namespace keeper {

/// The TCP port that a program's output says is in use: "listen EADDRINUSE: address already in use :::3000",
/// "bind() to 0.0.0.0:80 failed (98: Address already in use)". 0 where it does not say which; nothing where
/// it says nothing of that kind.
std::optional<int> port_in_use(std::string_view output);

struct PortHolder {
  int pid = 0;         ///< 0: this user may not see which process it is
  std::string stem{};  ///< of the app that the process says it belongs to; empty: none
  int main_pid = 0;    ///< of that app's run; 0: of none
};
/// The process that listens at a TCP port, in this process's network namespace. Nothing if nobody does. A
/// keeper counts where no other process has the socket.
std::optional<PortHolder> holder_of_port(int port);

/// One sentence on who has the port that the last run of an app could not have, and what to do: "port 3000 is
/// held by pid 4711 (node srv.js) of api, ...". Empty if its output says nothing of a port in use, or nobody
/// but the app itself has it any more.
std::string port_conflict(const Home& home, const AppId& id, std::string_view output);

}  // namespace keeper
