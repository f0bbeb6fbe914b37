#include "keeper/log/capture.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "protocol/base/lifetime.hpp"
#include "protocol/base/scope_exit.hpp"

namespace keeper {
namespace {

constexpr std::size_t kDefault = 64 * 1024;  // pipe(7)
constexpr std::size_t kMost = 1 << 20;       // /proc/sys/fs/pipe-max-size, for ordinary users
constexpr std::size_t kPage = CopyPipe::kPage;
constexpr std::chrono::seconds kQuiet{2};
constexpr Micros kNoMemory{10'000};
constexpr Micros kShortestPart{1'000};
constexpr Micros kLongestPart{64'000};

/// Returns the new size; the old one if it cannot be changed.
std::size_t resize(int fd, std::size_t wanted, std::size_t old) {
  int size = fcntl(fd, F_SETPIPE_SZ, static_cast<int>(wanted));
  return size < 0 ? old : static_cast<std::size_t>(size);
}

std::size_t size_of(int fd) {
  int size = fcntl(fd, F_GETPIPE_SZ);
  return size < 0 ? kPage : static_cast<std::size_t>(size);
}

Micros micros_now() {
  return std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

Result<OutputPipe> make_output_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) < 0) return system_error("make a pipe for the output");
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  // A program that drops its rights opens it again as /dev/stdout; only a process that may inspect it finds
  // it (proc(5), /proc/PID/fd).
  fchmod(ends[1], 0622);
  return OutputPipe{Fd(ends[0]), Fd(ends[1])};
}

std::uint64_t inode_of(const Fd& pipe) {
  struct stat st {};
  return fstat(pipe.get(), &st) == 0 ? st.st_ino : 0;
}

std::optional<OutputPipe> find_output_pipe(const std::vector<int>& pids, std::uint64_t inode) {
  constexpr int kMostTried = 1024;
  for (int pid : pids)
    for (int fd = 1; fd < kMostTried; ++fd) {
      const std::string path = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
      struct stat st {};
      if (stat(path.c_str(), &st) < 0) {
        if (fd > 16) break;  // usually it is one of the first
        continue;
      }
      if (st.st_ino != inode || !S_ISFIFO(st.st_mode)) continue;
      OutputPipe out{Fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)),
                     Fd(open(path.c_str(), O_WRONLY | O_CLOEXEC))};
      if (out.reading && out.writing) return out;
    }
  return std::nullopt;
}

std::optional<OutputPipe> output_pipe_of(Fd reading) {
  const std::string path = "/proc/self/fd/" + std::to_string(reading.get());
  OutputPipe out{std::move(reading), Fd(open(path.c_str(), O_WRONLY | O_CLOEXEC))};
  if (!out.reading || !out.writing) return std::nullopt;
  return out;
}

Result<std::unique_ptr<Capture>> Capture::make(asio::io_context& io, Fd reading, CopyPipe second, Take take) {
  auto out =
      std::unique_ptr<Capture>(new Capture(io, std::move(reading), std::move(second), std::move(take)));
  out->wait();
  return out;
}

Capture::Capture(asio::io_context& io, Fd reading, CopyPipe second, Take take)
    : pipe_(std::move(reading)),
      waiter_(io),
      take_(std::move(take)),
      second_(std::move(second)),
      capacity_(size_of(pipe_.get())),
      pause_(io),
      quiet_(io) {}

Capture::~Capture() {
  if (waiter_.is_open()) waiter_.release();
}

// --- the content of the pipe

std::size_t Capture::peek(std::size_t most, std::size_t there, bool whole) {
  // One page is enough for an occasional line.
  if (second_.capacity() < capacity_ && std::min(most, there) > kPage / 2) second_.resize(capacity_);
  for (;;) {
    const std::size_t seen = second_.copy(pipe_.get(), std::min(most, capacity_));
    if (seen == 0) return 0;
    // A few bytes may be in two pages, and the copy has room for one: it would contain half a line.
    if (!whole || seen >= std::min(most, there) || second_.capacity() >= capacity_) return seen;
    second_.discard(seen);
    const std::size_t before = second_.capacity();
    second_.resize(capacity_);
    whole = second_.capacity() != before;  // else the visible part must do
  }
}

void Capture::took(std::size_t stored, PieceMark* mark, std::uint8_t lines) {
  take_piece(mark, pipe_.get(), second_, stored, lines);
  taken_ += stored;
}

// --- when the pipe is read

void Capture::drain(std::size_t most) {
  taken_ = 0;
  while (taken_ < most && take_(waiting()) == Took::more) {
  }
}

void Capture::go_on() {
  if (!comes_) look();
}

void Capture::wait() {
  comes_ = true;
  std::error_code refused;
  if (!waiter_.is_open()) waiter_.assign(pipe_.get(), refused);
  if (refused) return pause(kNoMemory);  // it cannot be watched just now
  waiter_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (cancelled(error)) return;
    comes_ = false;
    look();
  });
}

void Capture::look() {
  taken_ = 0;
  Took took = Took::all;
  const std::size_t there = std::exchange(seldom_, false) ? kUnasked : waiting();
  // The program may have shrunk it (F_SETPIPE_SZ).
  if (there != kUnasked && there > kPage / 2) capacity_ = size_of(pipe_.get());
  const bool full = there != kUnasked && there + kPage > capacity_;  // its writer may have to wait
  {
    // The next look follows, whatever happens while it is stored.
    Finally again([&] {
      if (took == Took::nothing) return;
      if (took == Took::part) return pause_for_the_rest();
      // While the pipe may still grow, its maximum determines the pause.
      Micros time = pace_.after(taken_, grows_ ? kMost : capacity_, micros_now());
      seldom_ = time.count() == 0 && taken_ > 0 && taken_ <= kPage / 2;
      if (time.count() > 0)
        pause(time);
      else
        wait();
    });
    took = take_(there);
  }
  if (full) grow();
  if (capacity_ > kDefault || second_.capacity() > kPage) shrink_when_quiet();
}

/// A pipe with content is always readable; so it is polled at intervals.
void Capture::pause_for_the_rest() {
  std::size_t there = waiting();
  part_pause_ = there == part_ ? std::min(part_pause_ * 2, kLongestPart) : kShortestPart;
  part_ = there;
  pause(part_pause_);
}

void Capture::pause(Micros time) {
  comes_ = true;
  if (waiter_.is_open()) waiter_.release();
  pause_.expires_after(time);
  pause_.async_wait([this](std::error_code error) {
    if (error) return;
    comes_ = false;
    look();
  });
}

std::size_t Capture::waiting() {
  int there = 0;
  return ioctl(pipe_.get(), FIONREAD, &there) == 0 ? static_cast<std::size_t>(there) : 0;
}

/// A piece that does not fit after the previous one takes a page of its own: half of the pipe may be lost.
bool Capture::make_room() {
  auto crowded = [this] { return 2 * (waiting() + kPage) > capacity_; };
  if (crowded()) grow();
  return !crowded();
}

void Capture::begin_anew() {
  capacity_ = size_of(pipe_.get());
  if (capacity_ < kDefault) capacity_ = resize(pipe_.get(), kDefault, capacity_);
}

void Capture::grow() {
  if (capacity_ < kMost) capacity_ = resize(pipe_.get(), kMost, capacity_);
  grows_ = false;  // it has grown, or may not
}

/// One timer while the pipe is large, and none afterwards.
void Capture::shrink_when_quiet() {
  used_since_ = true;
  if (quiet_waits_) return;
  quiet_waits_ = true;
  used_since_ = false;
  quiet_.expires_after(kQuiet);
  quiet_.async_wait([this](std::error_code error) {
    quiet_waits_ = false;
    if (error) return;
    if (used_since_) return shrink_when_quiet();
    // Fails while the pipe holds more; then the next look tries again.
    capacity_ = resize(pipe_.get(), kDefault, capacity_);
    grows_ = true;
    second_.resize(kPage);
  });
}

}  // namespace keeper
