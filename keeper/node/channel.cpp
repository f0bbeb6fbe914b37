#include "keeper/node/channel.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "protocol/base/discard.hpp"
#include "protocol/base/pass_fd.hpp"

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif

namespace keeper {
namespace {

constexpr int kOneLooks = 64;              // lines; then the loop serves others
constexpr std::size_t kSpare = 16 * 1024;  // of the socket's buffer, for the kernel's overhead per piece
constexpr std::chrono::milliseconds kFinishWithin{1000};

int number_from(int socket, int option) {
  int out = 0;
  socklen_t size = sizeof out;
  return getsockopt(socket, SOL_SOCKET, option, &out, &size) == 0 ? out : 0;
}

}  // namespace

Result<std::unique_ptr<Channel>> Channel::make(asio::io_context& io, std::size_t most, ChannelHooks hooks) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return system_error("make a channel to the program");
  Fd own(ends[0]), theirs(ends[1]);
  fcntl(own.get(), F_SETFL, O_NONBLOCK);
  return std::unique_ptr<Channel>(
      new Channel(io, std::move(own), std::move(theirs), false, most, std::move(hooks)));
}

std::unique_ptr<Channel> Channel::go_on(asio::io_context& io, Fd own, bool skips, std::size_t most,
                                        ChannelHooks hooks) {
  return std::unique_ptr<Channel>(new Channel(io, std::move(own), Fd(), skips, most, std::move(hooks)));
}

Channel::Channel(asio::io_context& io, Fd own, Fd theirs, bool skips, std::size_t most, ChannelHooks hooks)
    : own_(io, own.get()),
      theirs_(std::move(theirs)),
      skips_(skips),
      most_(most),
      hooks_(std::move(hooks)),
      late_(io) {
  static_cast<void>(own.release());
}

void Channel::begin() {
  theirs_.reset();
  if (!closed_) wait();
}

// --- reading

void Channel::wait() {
  own_.async_wait(asio::posix::descriptor_base::wait_read, living_.only([this] { go_on_reading(); }));
}

/// A socket with half a line in it is always readable: wait for a change instead.
void Channel::wait_for_more() {
  if (!news_) {
    Fd epoll(epoll_create1(EPOLL_CLOEXEC));
    epoll_event what{};
    what.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
    if (!epoll || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, own_.native_handle(), &what) < 0) return wait();
    news_.emplace(own_.get_executor(), epoll.get());
    static_cast<void>(epoll.release());
  }
  news_->async_wait(asio::posix::descriptor_base::wait_read, living_.only([this] {
    epoll_event what{};
    epoll_wait(news_->native_handle(), &what, 1, 0);
    go_on_reading();
  }));
}

void Channel::wait_for_room() {
  own_.async_wait(asio::posix::descriptor_base::wait_write, living_.only([this] { go_on_reading(); }));
}

void Channel::go_on_reading() {
  switch (take_lines()) {
    case Left::gone: return;
    case Left::part: return wait_for_more();
    case Left::no_room: return wait_for_room();
    case Left::later: return;
    case Left::nothing:
    case Left::more: break;
  }
  news_.reset();
  wait();
}

void Channel::ask_again() {
  if (std::exchange(waits_, false)) go_on_reading();
}

void Channel::drain() {
  const auto mark = living_.mark();
  while (!mark.expired() && !closed_ && take_lines() == Left::more) {
  }
}

/// Returns the available bytes without taking them: at most one byte more than a message may have.
std::string Channel::look(bool& end) {
  std::string out;
  const int from_the_start = 0;
  handles_ = false;
  setsockopt(own_.native_handle(), SOL_SOCKET, SO_PEEK_OFF, &from_the_start, sizeof from_the_start);
  for (end = false; out.size() <= most_;) {
    int there = 0;
    if (ioctl(own_.native_handle(), SIOCINQ, &there) < 0) there = 0;
    const std::size_t had = out.size();
    const std::size_t room =
        std::min(std::max<std::size_t>(static_cast<std::size_t>(there), had + 1), most_ + 1);
    if (room <= had) break;
    out.resize(room);
    iovec piece{out.data() + had, room - had};
    msghdr header{};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    const ssize_t got = recvmsg(own_.native_handle(), &header, MSG_PEEK | MSG_DONTWAIT);
    out.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got > 0 && (header.msg_flags & MSG_CTRUNC) != 0) handles_ = true;
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    end = got == 0 || errno != EAGAIN;
    break;
  }
  return out;
}

/// Returns false if they are gone; only this process could have taken them.
bool Channel::take(std::size_t bytes) {
  char thrown[4096];
  while (bytes > 0) {
    if (const std::size_t gone = handles_ ? discard_by_child(own_.native_handle(), bytes).value_or(0) : 0;
        gone > 0) {
      bytes -= std::min(gone, bytes);
      continue;
    }
    const ssize_t got = recv(own_.native_handle(), thrown, std::min(bytes, sizeof thrown), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

Channel::Left Channel::take_lines() {
  bool end = false;
  std::string seen = look(end);
  const bool all = seen.size() <= most_;
  const auto tell = hooks_.line;
  const auto mark = living_.mark();
  std::size_t at = 0;
  for (int lines = 0; !skips_ && lines < kOneLooks; ++lines) {
    const std::size_t newline = seen.find('\n', at);
    if (newline == std::string::npos) break;
    const Told heard = tell(std::string_view(seen).substr(at, newline - at));
    if (mark.expired()) return Left::gone;
    waits_ = heard == Told::later;
    if (heard != Told::taken) return waits_ ? Left::later : Left::no_room;
    take(newline + 1 - at);
    at = newline + 1;
  }
  seen.erase(0, at);
  if (skips_ || seen.size() > most_) return throw_away(seen);
  if (!all || seen.find('\n') != std::string::npos) return Left::more;
  if (!end) return seen.empty() ? Left::nothing : Left::part;
  close_up();
  return Left::gone;
}

/// Keeps the newline of a message that is too long: alone it is an empty line, so it does not matter to a
/// successor whether it was taken.
Channel::Left Channel::throw_away(std::string& seen) {
  auto mark = living_.mark();
  if (!std::exchange(skips_, true)) hooks_.skips(true);
  if (mark.expired()) return Left::gone;
  const std::size_t newline = seen.find('\n');
  const std::size_t size = std::min(newline, seen.size());
  take(size);
  if (newline == std::string::npos) {
    if (size > 0) return Left::more;
    bool end = false;
    if (!look(end).empty()) return Left::more;
    if (!end) return Left::nothing;
    close_up();
    return Left::gone;
  }
  skips_ = false;
  hooks_.skips(false);
  return mark.expired() ? Left::gone : Left::more;
}

/// The last action: this object may be gone afterwards.
void Channel::close_up() {
  if (std::exchange(closed_, true)) return;
  living_.renew();
  std::error_code ignored;
  news_.reset();
  auto tell = hooks_.closed;
  own_.close(ignored);
  tell();
}

// --- writing

/// Sends a whole line at once, so that no reader gets half of one: the kernel refuses a piece only if its
/// buffer was full before.
bool Channel::has_room(std::size_t bytes) {
  int waiting = 0;
  if (ioctl(own_.native_handle(), SIOCOUTQ, &waiting) < 0) return false;
  const auto all = static_cast<std::size_t>(number_from(own_.native_handle(), SO_SNDBUF));
  return static_cast<std::size_t>(waiting) + bytes + kSpare < all || waiting == 0;
}

bool Channel::send(std::string_view line, int fd) {
  if (closed_ || !unsent_.empty() || !has_room(line.size() + 1)) return false;
  std::string text(line);
  text += '\n';
  ssize_t sent = -1;
  do
    sent = send_beside(own_.native_handle(), text, fd);
  while (sent < 0 && errno == EINTR);
  if (sent <= 0) return false;
  unsent_ = text.substr(static_cast<std::size_t>(sent));
  if (unsent_.empty()) return true;
  hooks_.cut(true);
  finish_sending();
  return true;
}

/// Memory was short, or the program has made the buffer small. Half a line must not stay: the program would
/// not survive it. The line is finished within a second, or the channel is closed, which also ends a line.
void Channel::finish_sending() {
  late_.expires_after(kFinishWithin);
  late_.async_wait(living_.only([this] {
    if (!std::exchange(unsent_, {}).empty()) shutdown(own_.native_handle(), SHUT_RDWR);
  }));
  wait_for_the_rest();
}

void Channel::wait_for_the_rest() {
  own_.async_wait(asio::posix::descriptor_base::wait_write, living_.only([this] {
    const ssize_t sent = unsent_.empty() ? 0 : send_beside(own_.native_handle(), unsent_, -1);
    if (sent > 0) unsent_.erase(0, static_cast<std::size_t>(sent));
    const bool over = sent < 0 && errno != EINTR && errno != EAGAIN;
    if (!unsent_.empty() && !over) return wait_for_the_rest();
    unsent_ = {};
    late_.cancel();
    hooks_.cut(false);
  }));
}

void Channel::end() {
  if (std::exchange(closed_, true)) return;
  living_.renew();
  news_.reset();
  Fd own(own_.release());
  close_for_all(std::move(own));
}

Result<Fd> fetch_channel(int pidfd, int fd) {
  Fd out(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, fd, 0)));
  if (!out) return system_error("fetch the program's channel");
  struct stat st {};
  if (fstat(out.get(), &st) < 0 || !S_ISSOCK(st.st_mode))
    return Error{Reason::failed, "fetch the program's channel", "it is not where it was", 0};
  return out;
}

}  // namespace keeper
