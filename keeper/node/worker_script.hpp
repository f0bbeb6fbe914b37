// The script that a worker of a cluster loads before its program, so that it can leave without breaking off a
// request.
//
// Node's worker closes its servers when it is asked to leave (lib/internal/cluster/child.js), and with them
// at once every connection without data yet (http.Server.close(), since node 19): a request that is on its
// way then is lost, and its client sees a reset. With the script, each answer from then on says that it is
// the connection's last, and silent connections are closed after a second; sessions of HTTP/2 get GOAWAY and
// end after their open requests. Before that it only notes these sessions, and the servers. A worker that
// leaves of its own accord announces it ("leaves"): the sockets that it closes then are for the next run.
//
// A thread of the worker loads it too; it does nothing there.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

/// CommonJS, for node's --require.
std::string_view worker_script();

/// Returns NODE_OPTIONS of a worker: the script at the absolute path, and then the variable's own value
/// (`options`; nothing: not set), which the script restores before anything else is loaded. `words`: node's
/// words before the program. Nothing if the worker must do without the script: under node's permission model,
/// if node has options in a file, and if the variable is not UTF-8 (JavaScript could not restore it).
std::optional<std::string> worker_options(std::optional<std::string_view> options,
                                          const std::vector<std::string>& words, std::string_view path);

}  // namespace keeper
