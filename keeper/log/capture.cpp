#include "keeper/log/capture.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include "protocol/wire/finally.hpp"

namespace keeper {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;  // what a pipe holds by default (pipe(7))
constexpr std::size_t kTurn = 1 << 20;      // then others get a turn
constexpr std::size_t kPage = 4096;

}  // namespace

Result<OutputPipe> make_output_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) < 0) return system_error("make a pipe for the output");
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return OutputPipe{Fd(ends[0]), Fd(ends[1])};
}

Capture::Capture(asio::io_context& io, Fd reading, OnBytes on_bytes)
    : pipe_(io, reading.release()), on_bytes_(std::move(on_bytes)) {
  void* memory = mmap(nullptr, kBuffer, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  buffer_ = static_cast<char*>(memory);
  wait();
}

Capture::~Capture() {
  munmap(buffer_, kBuffer);
}

bool Capture::drain(std::size_t most) {
  for (std::size_t total = 0; total < most;) {
    ssize_t got = read(pipe_.native_handle(), buffer_, kBuffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    auto count = static_cast<std::size_t>(got);
    used_ = std::max(used_, count);
    total += count;
    on_bytes_({buffer_, count});
  }
  return false;
}

void Capture::give_back() {
  if (used_ > kPage) madvise(buffer_ + kPage, kBuffer - kPage, MADV_DONTNEED);
  used_ = 0;
}

void Capture::wait() {
  pipe_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (error) return;
    Finally again([this] { wait(); });
    if (drain(kTurn)) give_back();
  });
}

}  // namespace keeper
