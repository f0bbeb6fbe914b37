// Messages <-> JSON-RPC 2.0, one message a line. Nothing here throws, whatever the bytes are.
//
// A line is read in two steps. One pass checks that it is JSON and counts depth and values, and stops at a
// bound before anything is built (500,000 times '[' would cost 39 MB that are never returned). Then the
// members that the message declares are cut out of the text and read. Unknown members are never built, absent
// ones keep their default. Texts that are not UTF-8 (a path, an argument, a log line) are sent as {"base64":
// "..."} wherever a text can be.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/wire/finding.hpp"
#include "protocol/wire/messages.hpp"
#include "protocol/wire/ports.hpp"

namespace keeper {

inline constexpr std::size_t kMostLine = 1 << 20;  ///< bytes of one request line
inline constexpr int kMostDepth = 64;
inline constexpr int kMostValues = 10'000;
/// For a reply: a `logs` reply may be 192 KiB of empty lines.
inline constexpr int kMostReplyValues = 250'000;

/// JSON-RPC 2.0, section 5.1.
namespace rpc_code {
inline constexpr int parse = -32700;
inline constexpr int invalid_request = -32600;
inline constexpr int method_not_found = -32601;
inline constexpr int invalid_params = -32602;
inline constexpr int internal = -32603;
inline constexpr int server = -32000;  ///< data.reason says which
}  // namespace rpc_code

struct RpcError {
  int code = rpc_code::server;
  std::string message;
  Reason reason = Reason::failed;
};
/// Returns the JSON-RPC code for a reason.
RpcError to_rpc(const Error& error);
Error from_rpc(const RpcError& error, std::string doing);

/// Ids are kept as the JSON text they came as, byte for byte: `7`, `"a"`, `1.50`, `null`.
using IdText = std::string;

struct Request {
  IdText id;           ///< "null" for a notification
  bool answer = true;  ///< false for a notification (no id), which is never answered
  AnyRequest what;
};
struct BadRequest {
  IdText id = "null";
  bool answer = true;
  RpcError error;
};
using Incoming = std::variant<Request, BadRequest>;

struct RequestLine {
  std::vector<Incoming> items;
  bool batch = false;  ///< the replies are sent together in one array
  bool last = false;   ///< one of its requests says that the connection brings no further line
};

/// Decodes one line for a server. A line of white space has no items.
RequestLine decode_requests(std::string_view line);

/// Says that a client sends no more: it is answered, and the connection is closed.
enum class Last : bool { no, yes };

/// Returns one request line with its newline. `id` is a number.
template <class M>
std::string request_line(std::uint64_t id, const M& request, Last last = Last::no);

/// Returns one reply object without a newline (several make up a batch).
template <class R>
std::string reply_text(const IdText& id, const R& result);
std::string error_text(const IdText& id, const RpcError& error);

/// A reply line, decoded for a client: the id, and the result still to be read (read_as), or an error.
struct Reply {
  std::optional<std::uint64_t> id;
  std::string result;  ///< JSON text, as it was sent
  std::optional<RpcError> error;
};
Result<Reply> decode_reply(std::string_view line);

/// Returns one notification of a stream, with its newline.
std::string event_line(const AppEvent& event);
std::string log_line(const NewLines& lines);
/// Decodes a line that may be a notification, for a client: returns its params as JSON text
/// (read_as<AppEvent>); nothing for a reply or a notification of another kind.
std::optional<std::string> decode_event(std::string_view line);
/// Does the same for a notification `log` (read_as<NewLines>).
std::optional<std::string> decode_log(std::string_view line);

/// Returns the record status.json: the members of a Status, and "runs", one a line.
std::string record_text(const Status& status, const std::vector<RunRecord>& runs);

/// Reads the JSON text of a result into its struct.
template <class R>
Result<R> read_as(std::string_view json);
/// Returns a struct as JSON text. `indent` < 0: one line.
template <class R>
std::string write_as(const R& value, int indent = -1);
/// Returns JSON texts as one JSON array, one a line.
std::string json_list(const std::vector<std::string_view>& objects);

/// Returns the OpenRPC document of every declared request.
OpenRpc open_rpc();

}  // namespace keeper
