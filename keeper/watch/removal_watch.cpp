#include "keeper/watch/removal_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <asio/io_context.hpp>

namespace keeper {

Result<std::unique_ptr<RemovalWatch>> RemovalWatch::make(asio::io_context& io, const std::string& path,
                                                         std::function<void()> on_change) {
  const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) return system_error("watch " + path);
  std::unique_ptr<RemovalWatch> out(new RemovalWatch(io, fd, std::move(on_change)));
  constexpr std::uint32_t what = IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW;
  if (inotify_add_watch(fd, path.c_str(), what) < 0) return system_error("watch " + path);
  return out;
}

/// Whoever is told makes another one for what is there then.
RemovalWatch::RemovalWatch(asio::io_context& io, int fd, std::function<void()> on_change)
    : fd_(io, fd), on_change_(std::move(on_change)) {
  fd_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (error) return;
    auto tell = on_change_;
    tell();
  });
}

}  // namespace keeper
