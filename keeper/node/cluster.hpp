// What a worker of node's cluster module and its primary say to each other (node's
// lib/internal/cluster/child.js and primary.js): here the keeper is the primary of its one worker, and hands
// out shared listening sockets, as node does with SCHED_NONE.
//
// Pure: a line in, what it says; what is to be said, out as a line.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "keeper/node/server_socket.hpp"

namespace keeper {

struct WorkerMessage {
  enum class Act {
    query,    ///< it wants to listen: `wish`, `key`, `data`
    refused,  ///< it is answered with `error`: a query that makes no sense, or what a newer node may ask
    closes,   ///< it has closed what it listened at: `key`
    leaves,   ///< it is about to close everything, and to disconnect, of its own accord
    exits,    ///< it disconnects of its own accord, and waits until that is acknowledged
    other,    ///< online, listening: nobody waits for an answer
  };
  Act act = Act::other;
  std::uint64_t seq = 0;  ///< what it is answered by
  int error = 0;          ///< an errno
  SocketWish wish{};
  std::string key;   ///< names the socket: workers that ask for the same one share it
  std::string data;  ///< JSON: what the first worker gives along for the others (the keys of TLS tickets)
};

/// Nothing for a line without a number to be answered by.
std::optional<WorkerMessage> read_worker_message(std::string_view line);

/// The socket goes with it.
std::string socket_answer(const WorkerMessage& query, std::string_view data);
/// `error` is an errno.
std::string refusal(const WorkerMessage& query, int error);
std::string acknowledgement(const WorkerMessage& message);

/// Asks a worker to leave: it closes what it listens at, finishes what it has, and disconnects.
inline constexpr std::string_view kLeaveCluster = R"({"cmd":"NODE_CLUSTER","act":"disconnect"})";

}  // namespace keeper
