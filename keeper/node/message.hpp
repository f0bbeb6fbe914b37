// One message of node's channel (child_process, serialization "json"): a JSON text on a line of its own. An
// object whose "cmd" begins with NODE_ is between node and its parent; all others are the program's.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace keeper {

/// Longer ones are passed over: whoever is told of messages keeps them.
inline constexpr std::size_t kMostMessage = 64 * 1024;

struct NodeMessage {
  enum class Kind {
    nothing,   ///< an empty line
    rubbish,   ///< no JSON text
    program,   ///< process.send() of the program
    handle,    ///< the same with a socket beside it (NODE_HANDLE)
    cluster,   ///< a worker of a cluster has to say something (NODE_CLUSTER)
    internal,  ///< anything else of node's own
  };
  Kind kind = Kind::nothing;
  bool ready = false;  ///< of a program: the text "ready"
  /// Whether node keeps it from the program.
  bool is_nodes_own() const {
    return kind == Kind::handle || kind == Kind::cluster || kind == Kind::internal;
  }
  bool operator==(const NodeMessage&) const = default;
};

/// Of a line without its newline. Never builds a tree of it.
NodeMessage read_node_message(std::string_view line);

/// How a text of a user is sent: as it is where it is a JSON object, array or text, else as a text.
std::string node_message_of(std::string_view text);

/// To whoever has sent a handle: it was not taken.
inline constexpr std::string_view kHandleRefused = R"({"cmd":"NODE_HANDLE_NACK"})";

}  // namespace keeper
