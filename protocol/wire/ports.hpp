// The sockets that the processes of an app have open, as `ctl show --ports` prints them.
#pragma once
#include <string>
#include <vector>

namespace keeper {

struct Port {
  int pid = 0;
  std::string protocol;  ///< "tcp", "tcp6", "udp", "udp6", "unix"
  std::string state;     ///< "listening", "connected", "closing", "open" (no peer)
  std::string local;     ///< "127.0.0.1:80", "[::]:80", a path; empty for a socket without a name
  std::string remote;    ///< the peer, if there is one
};

struct PortList {
  std::vector<Port> ports;
};

}  // namespace keeper
