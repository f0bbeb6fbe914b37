#include "keeper/log/echo.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "protocol/base/lifetime.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostKept = 256 * 1024;

/// Returns a descriptor to wait on for room in `fd`. Asio makes a watched descriptor non-blocking, which
/// would affect every process that shares it: so it watches an epoll instance of ours, which is readable when
/// `fd` is writable.
int room_watch(int fd) {
  Fd watch(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{EPOLLOUT, {}};
  if (!watch || epoll_ctl(watch.get(), EPOLL_CTL_ADD, fd, &event) < 0) return -1;
  return watch.release();
}

bool room(int fd) {
  pollfd p{fd, POLLOUT, 0};
  return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

}  // namespace

Echo::Echo(asio::io_context& io, int fd) : fd_(fd) {
  struct stat st {};
  if (fstat(fd, &st) < 0) {
    broken_ = true;
    return;
  }
  if (S_ISSOCK(st.st_mode)) kind_ = Kind::socket;
  if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
    return;  // cannot block, and has an offset that other processes share
  if (kind_ == Kind::plain) {
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    own_ = Fd(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own_) fd_ = own_.get();
  }
  int watched = room_watch(fd_);
  if (watched < 0) return;
  waiter_.emplace(io);
  std::error_code error;
  waiter_->assign(watched, error);
  if (error)
    waiter_.reset();
  else
    pollable_ = true;
}

ssize_t Echo::put(std::string_view bytes) {
  if (kind_ == Kind::socket) return send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  // Not reopened (another user's terminal, say): writes pieces so small that none blocks once there is room.
  if (pollable_ && !own_) {
    if (!room(fd_)) {
      errno = EAGAIN;
      return -1;
    }
    bytes = bytes.substr(0, PIPE_BUF);
  }
  return ::write(fd_, bytes.data(), bytes.size());
}

void Echo::write(std::string_view bytes) {
  if (broken_) return;
  while (kept_.empty() && !bytes.empty()) {
    ssize_t done = put(bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && errno != EAGAIN) {
      broken_ = true;
      return;
    }
    if (done < 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  std::size_t fits = std::min(bytes.size(), kMostKept - kept_.size());
  kept_.append(bytes.substr(0, fits));
  dropped_ += bytes.size() - fits;
  if (!kept_.empty()) wait();
}

void Echo::wait() {
  if (waiting_ || !waiter_) return;
  waiting_ = true;
  waiter_->async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (cancelled(error)) return;
    waiting_ = false;
    flush();
  });
}

void Echo::flush() {
  std::string now;
  now.swap(kept_);
  write(now);
}

void Echo::finish(Millis patience) {
  while (!broken_ && !kept_.empty()) {
    pollfd p{fd_, POLLOUT, 0};
    int ready = poll(&p, 1, static_cast<int>(patience.count()));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return;
    std::size_t before = kept_.size();
    flush();
    if (kept_.size() == before && (p.revents & (POLLERR | POLLHUP)) != 0) return;
  }
}

std::uint64_t Echo::take_dropped() {
  std::uint64_t count = dropped_;
  dropped_ = 0;
  return count;
}

}  // namespace keeper
