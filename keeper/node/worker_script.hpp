// What a worker of a cluster loads before its program, so that it can leave without breaking off a request.
//
// Node's worker closes its servers when it is asked to leave (lib/internal/cluster/child.js), and with them
// at once every connection on which nothing has arrived yet (http.Server.close(), since node 19): a request
// that is on its way then is lost, and its client sees a reset. With the script each answer from then on says
// that it is the connection's last, and what stays silent for a second is closed then; sessions of HTTP/2 are
// told so (GOAWAY) and end with what they have begun. Until it is asked to leave it only notes these
// sessions, and the servers. A worker that leaves of its own accord says so first ("leaves"): what it closes
// then is for the next run.
//
// A thread of the worker loads it too, and it does nothing there.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

/// CommonJS, for node's --require.
std::string_view worker_script();

/// NODE_OPTIONS of a worker: the script at the absolute path, and then what the variable would be without
/// (`options`; nothing: not set), which the script puts back before anything else is loaded. `words`: what
/// node is given before the program. Nothing where the worker does without the script: under node's
/// permission model, where node has options in a file, and where the variable is no UTF-8 (JavaScript could
/// not put that back).
std::optional<std::string> worker_options(std::optional<std::string_view> options,
                                          const std::vector<std::string>& words, std::string_view path);

}  // namespace keeper
