// The messages between a worker of node's cluster module and its primary (node's
// lib/internal/cluster/child.js and primary.js): here the keeper is the primary of its one worker, and hands
// out shared listening sockets, as node does with SCHED_NONE.
//
// Pure: parses a line, and makes the line of a reply.
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
    refused,  ///< `error` is the reply: to an invalid query, or to one of a newer node
    closes,   ///< it has closed its socket `key`
    leaves,   ///< it is about to close everything and to disconnect, of its own accord
    exits,    ///< it disconnects of its own accord, and waits for the acknowledgement
    other,    ///< online, listening: no reply is expected
  };
  Act act = Act::other;
  std::uint64_t seq = 0;  ///< identifies the reply
  int error = 0;          ///< an errno
  SocketWish wish{};
  std::string key;   ///< names the socket: workers with the same key share it
  std::string data;  ///< JSON: data of the first worker for the others (the keys of TLS tickets)
};

/// Returns nothing for a line without a number for the reply.
std::optional<WorkerMessage> read_worker_message(std::string_view line);

/// Returns the reply that goes with the socket.
std::string socket_answer(const WorkerMessage& query, std::string_view data);
/// `error` is an errno.
std::string refusal(const WorkerMessage& query, int error);
std::string acknowledgement(const WorkerMessage& message);

/// Asks a worker to leave: it closes its servers, finishes its requests, and disconnects.
inline constexpr std::string_view kLeaveCluster = R"({"cmd":"NODE_CLUSTER","act":"disconnect"})";

}  // namespace keeper
