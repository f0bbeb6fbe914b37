// Asks many keepers for their status by datagrams (sock/STEM.ask), without a connection to each.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/store/home.hpp"

namespace keeper {

/// Returns the replies of the keepers of these apps, which Home::all_sockets() has named, in the order of
/// `ids`: the status as JSON text (read_as<Status>). Nothing if there is no reply: the socket is gone, or the
/// keeper is busy, suspended, killed meanwhile, or has no room for a question; a connection tells which.
/// Waits until all have answered, or none has for `quiet`.
std::vector<std::optional<std::string>> ask_by_datagram(const Home& home, const std::vector<AppId>& ids,
                                                        Millis quiet);

}  // namespace keeper
