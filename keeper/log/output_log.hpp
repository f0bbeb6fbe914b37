// The path of one output pipe: into the log's file, as raw bytes or as formatted lines, and to watchers.
//
// If nothing inspects the bytes, they go from the pipe into the file without being read. A byte leaves the
// pipe once it is in the file; the beginning of a line that is to be formatted waits in the pipe for its end,
// two seconds at most. If the file cannot be written, the sink keeps the bytes in memory
// (overflow_buffer.hpp).
#pragma once
#include <functional>
#include <memory>

#include "keeper/log/capture.hpp"
#include "keeper/log/file_sink.hpp"
#include "keeper/log/line_formatter.hpp"
#include "keeper/log/piece.hpp"

namespace keeper {

/// The destination and the watchers of the output.
struct OutputRoute {
  FileSink* file = nullptr;              ///< null: no file
  std::unique_ptr<LineFormatter> lines;  ///< null: bytes as they are
  int number = 0;                        ///< of the pipe, among those of the file
  PieceMark* mark = nullptr;             ///< marks the piece that is being written; null: no mark
  bool markers = true;                   ///< keeper's own lines are in the log too
  std::string lost;                      ///< why output of an earlier keeper is lost; empty: it is not
  std::function<bool()> is_watched;      ///< called before each piece
  std::function<void(std::string_view)> watch;
  std::function<int()> pid;          ///< of the run that writes
  std::function<void()> on_trouble;  ///< the sink's fault has changed or ended
};

/// Returns "N bytes of output were dropped", and the reason if it is known.
std::string dropped_text(std::uint64_t bytes, const std::string& why = {});

class OutputLog {
 public:
  /// Errors: no descriptors.
  static Result<std::unique_ptr<OutputLog>> make(asio::io_context& io, Fd reading, CopyPipe second,
                                                 OutputRoute route);
  ~OutputLog();
  OutputLog(const OutputLog&) = delete;
  OutputLog& operator=(const OutputLog&) = delete;

  /// Takes the available output, at most about `most` bytes.
  void drain(std::size_t most);
  /// The run of the writer has ended, and its output was drained: an unfinished line gets no end any more.
  void end_run();
  /// The file of its route; null: none.
  FileSink* file() const { return route_.file; }
  int pipe() const { return capture_->pipe(); }
  /// The reading end of the second pipe.
  int copy() const { return capture_->copy(); }
  void use_mark(PieceMark* mark) { route_.mark = mark; }
  /// Formats what follows; no effect if bytes stay raw.
  void use_format(LineFormatter::Format format) {
    if (route_.lines) route_.lines->use(std::move(format));
  }
  /// Adds a line of keeper's own.
  void add_own(std::string_view text, WallTime time);
  /// The state of the sink may have changed.
  void look_at_sink();
  /// Retries at once what the file did not take. Returns whether nothing of it is left.
  bool try_again();
  /// At the end: drops and counts what the file does not take.
  void give_up();

 private:
  OutputLog(asio::io_context& io, OutputRoute route);
  Capture::Took take(std::size_t there);
  std::size_t unseen_room();
  bool take_line();
  bool take_unseen(std::size_t room, std::size_t rest);
  bool take_seen(std::size_t rest);
  void begin_made(std::string_view& bytes);
  void took(std::size_t used);
  std::uint8_t lines_state() const { return route_.lines ? route_.lines->state() : 0; }
  std::string own_line(std::string_view text, WallTime time);
  std::string dropped_line(std::uint64_t bytes);
  std::size_t read_copy(std::size_t count);
  struct Handled {
    std::size_t used;   ///< bytes that are stored
    std::size_t waits;  ///< after them: the beginning of a line
  };
  Handled handle(std::string_view bytes);
  void put(std::string_view bytes);
  void show(std::string_view bytes, std::size_t used);
  void wait_for_line_end(std::size_t left, bool another);
  bool finish_line();
  void arm_retry();
  void retry();

  OutputRoute route_;
  std::unique_ptr<Capture> capture_;
  asio::steady_timer retry_;
  asio::steady_timer line_end_;
  bool retry_waits_ = false;
  bool stopped_ = false;  ///< nothing is taken until the file can be written
  std::size_t left_ = 0;  ///< bytes of a line's beginning that wait in the pipe
  bool line_end_waits_ = false;
  std::size_t shown_ = 0;  ///< of the bytes in the pipe, from the first
  std::string trouble_;
  std::string last_trouble_;  ///< for later questions about a loss
  char* buffer_;              ///< mapped, not allocated: its pages are released when the child is quiet
  std::size_t used_ = 0;      ///< the largest read into it since then
};

}  // namespace keeper
