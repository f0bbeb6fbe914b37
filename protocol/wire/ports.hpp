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

  static void fields(auto&& v) {
    v("pid", &Port::pid, "the process that has it open");
    v("protocol", &Port::protocol, "tcp, tcp6, udp, udp6, unix");
    v("state", &Port::state, "listening, connected, closing, open");
    v("local", &Port::local, "its address, or path");
    v("remote", &Port::remote, "the peer's address");
  }
};

struct PortList {
  std::vector<Port> ports;

  static void fields(auto&& v) { v("ports", &PortList::ports, "listening ones first"); }
};

}  // namespace keeper
