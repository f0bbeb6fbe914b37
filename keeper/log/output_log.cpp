#include "keeper/log/output_log.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "protocol/base/clock.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

constexpr std::size_t kBuffer = 256 * 1024;
constexpr std::size_t kPage = 4096;
constexpr Millis kRetry{200};
constexpr Millis kLineEnd{2'000};

}  // namespace

std::string dropped_text(std::uint64_t bytes, const std::string& why) {
  return std::to_string(bytes) + " bytes of output were dropped" + (why.empty() ? "" : ": " + why);
}

Result<std::unique_ptr<OutputLog>> OutputLog::make(asio::io_context& io, Fd reading, CopyPipe second,
                                                   OutputRoute route) {
  auto out = std::unique_ptr<OutputLog>(new OutputLog(io, std::move(route)));
  auto capture = Capture::make(io, std::move(reading), std::move(second),
                               [log = out.get()](std::size_t there) { return log->take(there); });
  if (!capture) return capture.error();
  out->capture_ = std::move(*capture);
  const FileSink* file = out->route_.file;
  if (file != nullptr && (file->waiting() > 0 || file->dropped() > 0))
    out->arm_retry();  // of an earlier keeper
  return out;
}

OutputLog::OutputLog(asio::io_context& io, OutputRoute route)
    : route_(std::move(route)), retry_(io), line_end_(io), last_trouble_(route_.lost) {
  void* memory = mmap(nullptr, kBuffer, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  buffer_ = static_cast<char*>(memory);
  if (route_.lines && route_.mark != nullptr) route_.lines->go_on(route_.mark->lines());
  if (route_.file != nullptr)
    route_.file->on_dropped([this](std::uint64_t bytes) { return dropped_line(bytes); });
}

OutputLog::~OutputLog() {
  munmap(buffer_, kBuffer);
}

void OutputLog::drain(std::size_t most) {
  capture_->drain(most);
}

/// Takes what is there now, and not what is written meanwhile: a writer that never rests would keep it here.
Capture::Took OutputLog::take(std::size_t there) {
  Capture::Took took = Capture::Took::all;
  if (there == Capture::kUnasked) {
    if (take_line()) return Capture::Took::more;
    there = capture_->waiting();
  }
  // Does not touch the file before there is output: it is made then.
  const std::size_t until = capture_->taken() + there;
  while (capture_->taken() < until) {
    if (route_.file != nullptr && route_.file->is_full()) {
      stopped_ = true;
      took = Capture::Took::nothing;
      break;
    }
    const std::size_t room = unseen_room();
    const std::size_t rest = until - capture_->taken();
    if (!(room > 0 ? take_unseen(room, rest) : take_seen(rest))) break;
    took = Capture::Took::more;
  }
  if (took == Capture::Took::all && left_ > 0) took = Capture::Took::part;
  if (used_ > kPage && capture_->waiting() < kPage) {
    madvise(buffer_ + kPage, kBuffer - kPage, MADV_DONTNEED);
    if (route_.lines) route_.lines->release();
    used_ = 0;
  }
  look_at_sink();
  return took;
}

/// Returns how many bytes may go into the file unread.
std::size_t OutputLog::unseen_room() {
  const bool unseen = route_.file != nullptr && !route_.lines && !route_.is_watched();
  return unseen ? route_.file->splice_room() : 0;
}

/// Takes output after a pause if it is less than a page: one call then shows that it was all. False: look.
bool OutputLog::take_line() {
  const std::size_t room = unseen_room();
  const std::size_t stored =
      room >= kPage && route_.file->trouble().empty() ? route_.file->splice_from(capture_->pipe(), kPage) : 0;
  capture_->went(stored);
  return stored > 0 && stored < kPage;
}

/// Splices into the file. Returns false if nothing is left.
bool OutputLog::take_unseen(std::size_t room, std::size_t rest) {
  // An occasional line takes one call; many small ones are written by the page if they are copied first.
  if (rest <= kPage) {
    const std::size_t stored = route_.file->splice_from(capture_->pipe(), std::min(room, rest));
    capture_->went(stored);
    if (stored > 0) return true;
  }
  std::size_t there = capture_->peek(room, rest, false);
  if (there == 0) return false;
  begin_piece(route_.mark, PieceMark::copied, route_.file->inode(), route_.file->bytes(), there);
  const std::size_t stored = route_.file->splice_from(capture_->copy(), there);
  capture_->leave(there - stored);
  capture_->took(stored, route_.mark);
  // Keeps the bytes that the file did not take, in order.
  return stored == there || take_seen(there - stored);
}

/// Begins a piece, and cuts `bytes` to those that belong to it. The piece goes into one file, or into memory
/// as a whole if older output waits there. It is marked as `made`, to be written again after a kill, unless
/// it is a plain copy after the end of the file.
void OutputLog::begin_made(std::string_view& bytes) {
  FileSink* file = route_.file;
  if (file == nullptr) return;
  file->begin_piece(route_.number);
  const bool waits = file->waiting() > 0;
  if (!route_.lines && !waits) bytes = bytes.substr(0, file->share(bytes));
  const bool as_they_are = !route_.lines && !waits && !file->is_dropping() && !file->writes_again();
  begin_piece(route_.mark, as_they_are ? PieceMark::copied : PieceMark::made, waits ? 0 : file->inode(),
              waits ? 0 : file->bytes(), bytes.size());
}

/// Ends a piece of which the sink has stored `used` bytes.
void OutputLog::took(std::size_t used) {
  // Keeps the mark of an earlier keeper: the beginning of a line that it has written is still there.
  if (used == 0 && route_.file != nullptr && route_.file->writes_again()) return route_.file->end_piece();
  capture_->took(used, route_.mark, lines_state());
  if (route_.file != nullptr) route_.file->end_piece();
}

/// Reads up to `count` bytes of the copy into the buffer.
std::size_t OutputLog::read_copy(std::size_t count) {
  std::size_t done = 0;
  count = std::min(count, kBuffer);
  while (done < count) {
    ssize_t got = read(capture_->copy(), buffer_ + done, count - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  used_ = std::max(used_, done);
  return done;
}

bool OutputLog::take_seen(std::size_t rest) {
  // A line waits for its end, unless there is no room for that.
  if (left_ > 0 && capture_->waiting() == left_) return !capture_->make_room() && finish_line();
  std::size_t there = capture_->peek(kBuffer, rest, true);
  if (there == 0) return false;
  if (there == left_) {  // and no more is visible at once
    capture_->leave(there);
    return finish_line();
  }
  std::string_view bytes(buffer_, read_copy(there));
  capture_->leave(there - bytes.size());
  begin_made(bytes);
  const Handled done = handle(bytes);
  took(done.used);
  wait_for_line_end(done.waits, done.used > 0);
  return done.used > 0;
}

/// Returns how much was used; the rest stays in the pipe.
OutputLog::Handled OutputLog::handle(std::string_view bytes) {
  Handled out{bytes.size(), 0};
  if (route_.lines) {
    const std::uint64_t most = route_.file != nullptr ? route_.file->lines_room() : LineFormatter::kNoLimit;
    out.used = route_.lines->feed(bytes, wall_now(), route_.pid(), most);
    if (out.used == 0 && bytes.size() >= LineSplitter::kMostLine) {
      out.used = whole_characters(bytes);
      route_.lines->finish(bytes.substr(0, out.used), wall_now(), route_.pid());
    }
    // The file is full, and whole lines may follow in the pipe.
    if (route_.lines->out().size() < most) out.waits = bytes.size() - out.used;
    put(route_.lines->out());
    route_.lines->clear();
  } else {
    put(bytes);
  }
  show(bytes, out.used);
  return out;
}

/// Shows all bytes once, also those that wait in the pipe for the end of their line.
void OutputLog::show(std::string_view bytes, std::size_t used) {
  if (route_.watch && bytes.size() > shown_) route_.watch(bytes.substr(shown_));
  shown_ = bytes.size() - used;
}

void OutputLog::put(std::string_view bytes) {
  if (route_.file != nullptr && !bytes.empty()) route_.file->write(bytes);
}

// --- lines

/// Lets beginnings of lines wait in the pipe; `left` is the number of bytes there.
void OutputLog::wait_for_line_end(std::size_t left, bool another) {
  another = another || left_ == 0;
  left_ = left;
  if (left == 0 && line_end_waits_) line_end_.cancel();
  if (left == 0 || (line_end_waits_ && !another)) return;
  line_end_waits_ = true;
  line_end_.expires_after(kLineEnd);
  line_end_.async_wait([this](std::error_code error) {
    if (error) return;
    line_end_waits_ = false;
    finish_line();
  });
}

/// Returns false if there was none.
bool OutputLog::finish_line() {
  if (left_ == 0) return false;
  std::size_t there = capture_->peek(left_);
  std::string_view bytes(buffer_, read_copy(there));
  capture_->leave(there - bytes.size());
  begin_made(bytes);
  route_.lines->finish(bytes, wall_now(), route_.pid());
  put(route_.lines->out());
  route_.lines->clear();
  show(bytes, bytes.size());
  took(bytes.size());
  left_ = 0;
  look_at_sink();
  return true;
}

void OutputLog::end_run() {
  capture_->begin_anew();
  if (!route_.lines) return;
  finish_line();
  route_.lines->end_run();
  end_piece(route_.mark, lines_state());
}

std::string OutputLog::own_line(std::string_view text, WallTime time) {
  if (route_.lines) return route_.lines->own_line(text, time, route_.pid());
  return "[keeper] " + time_text(time) + " " + std::string(text) + "\n";
}

void OutputLog::add_own(std::string_view text, WallTime time) {
  if (route_.file == nullptr || !route_.markers) return;
  route_.file->write_marker(own_line(text, time));
  look_at_sink();
}

std::string OutputLog::dropped_line(std::uint64_t bytes) {
  if (!route_.markers) return "";
  return own_line(dropped_text(bytes, last_trouble_), wall_now());
}

// --- a file that cannot be written

void OutputLog::look_at_sink() {
  if (route_.file == nullptr) return;
  bool wrong = !route_.file->trouble().empty() || route_.file->waiting() > 0;
  if (route_.file->trouble() != trouble_) {
    trouble_ = route_.file->trouble();
    if (!trouble_.empty()) last_trouble_ = trouble_;
    if (route_.on_trouble) route_.on_trouble();
  }
  if ((wrong || route_.file->rotates()) && !retry_waits_) arm_retry();
}

void OutputLog::arm_retry() {
  retry_waits_ = true;
  retry_.expires_after(kRetry);
  retry_.async_wait([this](std::error_code error) {
    retry_waits_ = false;
    if (!error) retry();
  });
}

void OutputLog::retry() {
  route_.file->retry();
  look_at_sink();
  if (!stopped_ || route_.file->is_full()) return;
  stopped_ = false;
  capture_->go_on();
}

bool OutputLog::try_again() {
  if (route_.file == nullptr) return true;
  if (stopped_ || route_.file->waiting() > 0) retry();
  return !stopped_ && route_.file->waiting() == 0;
}

void OutputLog::give_up() {
  if (route_.file == nullptr) return;
  route_.file->give_up(stopped_ ? capture_->waiting() : 0);
  stopped_ = true;
}

}  // namespace keeper
