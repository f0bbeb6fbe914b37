// Asking many keepers for their status by datagrams (sock/STEM.ask), without a connection to each.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/home/home.hpp"

namespace keeper {

/// What the keepers of these apps, which Home::all_sockets() has named, answer, in the order of `ids`: the
/// status as JSON text (read_as<Status>). Nothing where none has come: the socket is gone, a keeper that is
/// busy, is stopped, was killed meanwhile, or has no room for a question; then a connection tells more. Waits
/// until all have answered, or for `quiet` in which nobody does.
std::vector<std::optional<std::string>> ask_by_datagram(const Home& home, const std::vector<AppId>& ids,
                                                        Millis quiet);

}  // namespace keeper
