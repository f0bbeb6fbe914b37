#include "keeper/log/copy_pipe.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace keeper {
namespace {

/// Returns how many bytes the call has moved; repeats a call that a signal interrupts.
template <class Call>
std::size_t moved_by(Call call) {
  for (;;) {
    const ssize_t moved = call();
    if (moved < 0 && errno == EINTR) continue;
    return moved > 0 ? static_cast<std::size_t>(moved) : 0;
  }
}

}  // namespace

void read_away(int pipe, std::size_t bytes) {
  char unused[4096];
  while (bytes > 0) {
    const std::size_t got = moved_by([&] { return read(pipe, unused, std::min(bytes, sizeof unused)); });
    if (got == 0) return;
    bytes -= got;
  }
}

Result<CopyPipe> CopyPipe::with(Fd reading, Fd writing) {
  CopyPipe out;
  out.reading_ = std::move(reading);
  out.writing_ = std::move(writing);
  const int size = fcntl(out.writing_.get(), F_GETPIPE_SZ);
  out.capacity_ = size < 0 ? kPage : static_cast<std::size_t>(size);
  out.null_ = Fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!out.null_) return system_error("open /dev/null");
  return out;
}

Result<CopyPipe> CopyPipe::make() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) < 0)
    return system_error("make a second pipe for the output");
  auto out = with(Fd(ends[0]), Fd(ends[1]));
  if (out) out->resize(kPage);
  return out;
}

Result<CopyPipe> CopyPipe::of(Fd reading) {
  const std::string path = "/proc/self/fd/" + std::to_string(reading.get());
  Fd writing(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!writing) return system_error("open the second pipe of the output again");
  auto out = with(std::move(reading), std::move(writing));
  if (out) out->outlived_ = true;
  return out;
}

void CopyPipe::resize(std::size_t wanted) {
  const int size = fcntl(writing_.get(), F_SETPIPE_SZ, static_cast<int>(wanted));
  if (size > 0) capacity_ = static_cast<std::size_t>(size);
}

std::size_t CopyPipe::waiting() const {
  int there = 0;
  return ioctl(reading_.get(), FIONREAD, &there) == 0 ? static_cast<std::size_t>(there) : 0;
}

std::size_t CopyPipe::copy(int from, std::size_t most) {
  return moved_by([&] { return tee(from, writing_.get(), most, SPLICE_F_NONBLOCK); });
}

std::size_t CopyPipe::move(int from, std::size_t most) {
  return moved_by([&] { return splice(from, nullptr, writing_.get(), nullptr, most, SPLICE_F_NONBLOCK); });
}

void CopyPipe::discard(std::size_t bytes) {
  while (bytes > 0) {
    const std::size_t gone = moved_by(
        [&] { return splice(reading_.get(), nullptr, null_.get(), nullptr, bytes, SPLICE_F_NONBLOCK); });
    if (gone == 0) return read_away(reading_.get(), bytes);
    bytes -= gone;
  }
}

}  // namespace keeper
