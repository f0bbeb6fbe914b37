// One message of node's channel (child_process, serialization "json"): a JSON text on a line of its own. An
// object whose "cmd" begins with NODE_ is between node and its parent; all others belong to the program.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace keeper {

/// Longer ones are skipped: receivers keep messages in memory.
inline constexpr std::size_t kMostMessage = 64 * 1024;

struct NodeMessage {
  enum class Kind {
    nothing,   ///< an empty line
    rubbish,   ///< not a JSON text
    program,   ///< process.send() of the program
    handle,    ///< the same with a socket beside it (NODE_HANDLE)
    cluster,   ///< a message of a cluster's worker (NODE_CLUSTER)
    internal,  ///< any other message of node itself
  };
  Kind kind = Kind::nothing;
  bool ready = false;  ///< of a program: the text "ready"
  /// Node keeps it from the program.
  bool is_nodes_own() const {
    return kind == Kind::handle || kind == Kind::cluster || kind == Kind::internal;
  }
  bool operator==(const NodeMessage&) const = default;
};

/// Parses a line without its newline. Never builds a tree of it.
NodeMessage read_node_message(std::string_view line);

/// Returns a user's text as a message: unchanged if it is a JSON object, array or text, else as a text.
std::string node_message_of(std::string_view text);

/// Tells the sender of a handle that it was not taken.
inline constexpr std::string_view kHandleRefused = R"({"cmd":"NODE_HANDLE_NACK"})";

}  // namespace keeper
