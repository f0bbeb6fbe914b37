// The steps of one request and its reply on a connected, non-blocking socket, and all of them with a
// deadline.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/line_buffer.hpp"
#include "protocol/base/result.hpp"
#include "protocol/client/deadline.hpp"

namespace keeper {

/// Replies may hold the lines of a log, and JSON may write each byte of them as six.
inline constexpr std::size_t kMostReply = 4 << 20;

/// Sends as much of `unsent` as the socket takes now, and removes that. If the keeper has closed its side,
/// the reason can still be read, so nothing is left unsent. Errors: unreachable, failed; `doing` begins their
/// text.
Done send_some(int socket, std::string_view& unsent, const std::string& doing);

/// Reads the available bytes into `lines`; nothing available is not an error. Errors: unreachable (the end).
Done receive_some(int socket, LineBuffer& lines, const std::string& doing);

/// Returns the result (JSON text) of the reply to `id`, or its error, once it is among `lines`. Skips lines
/// about other ids; an error without an id is for the whole connection (too many clients, another user).
std::optional<Result<std::string>> reply_among(LineBuffer& lines, std::uint64_t id, const std::string& doing);

/// Sends the rest of `unsent` and waits until the deadline for the reply to `id`: its result (JSON text).
/// Reads available bytes even after the deadline. Errors: timeout, unreachable (the keeper ended), and the
/// keeper's own; `doing` begins their text.
Result<std::string> finish_exchange(int socket, std::string_view unsent, LineBuffer& lines, std::uint64_t id,
                                    const Deadline& deadline, const std::string& doing);

}  // namespace keeper
