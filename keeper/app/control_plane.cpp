#include "keeper/app/control_plane.hpp"

#include <sys/resource.h>

#include <exception>

namespace keeper {
namespace {

constexpr rlim_t kFewDescriptors = 64;

}  // namespace

bool has_few_descriptors() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < kFewDescriptors;
}

void ControlPlane::open_datagrams(int lock) {
  datagrams_.reset();
  if (has_few_descriptors() || !app_.home.is_lock_of(app_.stem(), lock)) return;
  try {
    if (auto socket = app_.home.bind_ask_socket(app_.stem()))
      datagrams_ = std::make_unique<AskSocket>(app_.io, std::move(*socket), service_);
  } catch (const std::exception&) {
    // It cannot be watched just now: clients use the stream socket.
  }
}

void ControlPlane::close() {
  datagrams_.reset();
  server_->close();
}

}  // namespace keeper
