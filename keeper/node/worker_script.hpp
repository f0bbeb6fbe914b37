// What a worker of a cluster loads before its program, so that it can leave without breaking off a request.
//
// Node's worker closes its servers when it is asked to leave (lib/internal/cluster/child.js), and with them
// at once every connection on which nothing has arrived yet (http.Server.close(), since node 19): a request
// that is on its way then is lost, and its client sees a reset. With the script each answer from then on says
// that it is the connection's last, and what stays silent for a second is closed then; sessions of HTTP/2 are
// told so (GOAWAY) and end with what they have begun. Until it is asked to leave it only notes these
// sessions, and the servers.
#pragma once
#include <string>
#include <string_view>

namespace keeper {

/// CommonJS, for node's --require.
std::string_view worker_script();

/// NODE_OPTIONS of a worker: what it would have without (`options`), and the script at the absolute path. The
/// script takes it out again before the program runs.
std::string worker_options(std::string_view options, std::string_view path);

}  // namespace keeper
