// An address at which a keeper listens for its program, as text:
//
//   tcp:127.0.0.1:8080  tcp:[::1]:8080  tcp:localhost:8080
//   tcp:8080  tcp:*:8080                 all addresses of this host, IPv6 and IPv4
//   unix:/run/api.sock  unix:@api        a path, or a name without one (unix(7), abstract)
//   unix:/run/api.sock,mode=0660         the permissions of the path
//   web=tcp:8080                         with a name for the program (LISTEN_FDNAMES, sd_listen_fds(3))
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/result.hpp"

namespace keeper {

struct ListenAddress {
  enum class Kind { tcp, local };

  std::string name;  ///< empty: none was given
  Kind kind = Kind::tcp;
  std::string host;              ///< of tcp: a numeric address, without brackets; empty: all
  int port = 0;                  ///< of tcp
  std::string path;              ///< of local; "@NAME" is a name without a file
  std::optional<unsigned> mode;  ///< of local with a file; nothing: the umask decides

  static Result<ListenAddress> parse(std::string_view text);
  std::string text() const;
  /// Returns the address without the name: two with the same place conflict.
  std::string place() const;
  bool has_file() const { return kind == Kind::local && !path.starts_with('@'); }
  bool operator==(const ListenAddress&) const = default;
};

}  // namespace keeper
