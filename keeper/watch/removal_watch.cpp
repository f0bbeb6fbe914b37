#include "keeper/watch/removal_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <asio/io_context.hpp>

namespace keeper {

Result<std::unique_ptr<RemovalWatch>> RemovalWatch::make(asio::io_context& io, const std::string& path,
                                                         std::function<void()> on_change) {
  Fd instance(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!instance) return system_error("watch " + path);
  constexpr std::uint32_t what = IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW;
  if (inotify_add_watch(instance.get(), path.c_str(), what) < 0) return system_error("watch " + path);
  return std::make_unique<RemovalWatch>(io, std::move(instance), std::move(on_change));
}

/// Whoever is told makes another one for what is there then.
RemovalWatch::RemovalWatch(asio::io_context& io, Fd instance, std::function<void()> on_change)
    : fd_(io, instance.release()), on_change_(std::move(on_change)) {
  fd_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (error) return;
    auto tell = on_change_;
    tell();
  });
}

}  // namespace keeper
