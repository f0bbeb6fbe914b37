#include "keeper/watch/removal_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <cerrno>

#include "protocol/base/lifetime.hpp"

namespace keeper {
namespace {

constexpr std::uint32_t kChanges = IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

Result<std::unique_ptr<RemovalWatch>> RemovalWatch::make(asio::io_context& io, OnChange on_change) {
  Fd instance(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!instance) return system_error("watch files");
  return std::make_unique<RemovalWatch>(io, std::move(instance), std::move(on_change));
}

RemovalWatch::RemovalWatch(asio::io_context& io, Fd instance, OnChange on_change)
    : fd_(io, instance.get()), on_change_(std::move(on_change)) {
  static_cast<void>(instance.release());
  wait();
}

int RemovalWatch::add(const std::string& path) {
  int watch = inotify_add_watch(fd_.native_handle(), path.c_str(), kChanges | IN_DONT_FOLLOW);
  return watch < 0 ? kNone : watch;
}

int RemovalWatch::add(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  int watch = inotify_add_watch(fd_.native_handle(), path.c_str(), kChanges);
  return watch < 0 ? kNone : watch;
}

void RemovalWatch::remove(int watch) {
  if (watch != kNone) inotify_rm_watch(fd_.native_handle(), watch);
}

void RemovalWatch::wait() {
  fd_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (cancelled(error)) return;
    wait();
    read_all();
  });
}

/// Reads the events since the last call.
void RemovalWatch::read_all() {
  alignas(inotify_event) char events[1024];
  for (;;) {
    const ssize_t got = read(fd_.native_handle(), events, sizeof events);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(events + at);
      at += static_cast<ssize_t>(sizeof *event + event->len);
      // IN_IGNORED: its watch ended because the file is gone, which was reported, or by remove().
      if ((event->mask & IN_IGNORED) == 0) on_change_((event->mask & IN_Q_OVERFLOW) ? kAny : event->wd);
    }
  }
}

}  // namespace keeper
