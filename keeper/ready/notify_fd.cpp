#include "keeper/ready/notify_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <cerrno>
#include <string_view>

namespace keeper {
namespace {

constexpr int kTurn = 64;      // then the loop serves others
constexpr int kAtEnd = 2'048;  // 1 MiB, the largest size that an unprivileged program can give this pipe

}  // namespace

Result<std::unique_ptr<NotifyFd>> NotifyFd::make(asio::io_context& io, OnSaid on_said) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return system_error("make a pipe for readiness");
  Fd reading(ends[0]), writing(ends[1]);
  fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  return std::unique_ptr<NotifyFd>(
      new NotifyFd(io, std::move(reading), std::move(writing), std::move(on_said)));
}

std::unique_ptr<NotifyFd> NotifyFd::go_on(asio::io_context& io, Fd reading, OnSaid on_said) {
  return std::unique_ptr<NotifyFd>(new NotifyFd(io, std::move(reading), Fd(), std::move(on_said)));
}

NotifyFd::NotifyFd(asio::io_context& io, Fd reading, Fd writing, OnSaid on_said)
    : reading_(io, reading.get()), writing_(std::move(writing)), on_said_(std::move(on_said)) {
  static_cast<void>(reading.release());
  wait();
}

void NotifyFd::wait() {
  reading_.async_wait(asio::posix::descriptor_base::wait_read, living_.only([this] {
    auto mark = living_.mark();
    if (take_bytes(kTurn) && !mark.expired()) wait();
  }));
}

void NotifyFd::drain() {
  take_bytes(kAtEnd);
}

/// Reads at most that many times 512 bytes. Returns false once nothing more can come. This object may be gone
/// afterwards.
bool NotifyFd::take_bytes(int most) {
  char bytes[512];
  bool newline = false, closed = false;
  for (int i = 0; i < most && !closed; ++i) {
    ssize_t got = read(reading_.native_handle(), bytes, sizeof bytes);
    if (got < 0 && errno != EINTR) break;
    closed = got == 0;
    std::string_view text(bytes, got > 0 ? static_cast<std::size_t>(got) : 0);
    newline = newline || text.find('\n') != std::string_view::npos;
  }
  if (newline)
    say(Said::ready);
  else if (closed)
    say(Said::closed);
  return !closed;
}

/// The last action: this object may be gone afterwards.
void NotifyFd::say(Said said) {
  if (auto tell = std::exchange(on_said_, nullptr)) tell(said);
}

}  // namespace keeper
