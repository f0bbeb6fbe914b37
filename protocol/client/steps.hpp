// The steps of one request and its reply on a connected, non-blocking socket, and all of them with a
// deadline.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "protocol/client/deadline.hpp"
#include "protocol/wire/line_buffer.hpp"
#include "protocol/wire/result.hpp"

namespace keeper {

/// Replies may hold a log's lines, each byte of which JSON may write as six.
inline constexpr std::size_t kMostReply = 4 << 20;

/// Sends of `unsent` what the socket takes now, and cuts that off. A keeper that closed its side has said
/// why: that is still to be read, so nothing is left unsent. Errors: unreachable, failed; `doing` begins
/// their text.
Done send_some(int socket, std::string_view& unsent, const std::string& doing);

/// Takes what has come into `lines`; nothing having come is no error. Errors: unreachable (the end).
Done receive_some(int socket, LineBuffer& lines, const std::string& doing);

/// The result (JSON text) of the reply to `id`, or its error, once it is among `lines`. Lines about other ids
/// are passed over; an error without an id is for the connection as a whole (too many clients, another user).
std::optional<Result<std::string>> reply_among(LineBuffer& lines, std::uint64_t id, const std::string& doing);

/// Sends what is still `unsent` and waits until the deadline for the reply to `id`: its result (JSON text).
/// What has come is taken even when the deadline has passed. Errors: timeout, unreachable (the keeper went
/// away), and what the keeper answered; `doing` begins their text.
Result<std::string> finish_exchange(int socket, std::string_view unsent, LineBuffer& lines, std::uint64_t id,
                                    const Deadline& deadline, const std::string& doing);

}  // namespace keeper
