// What a program writes, from the pipes that its runs are given to where the spec wants it: both streams in
// one pipe and one log, in the order in which they were written, or apart.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "keeper/log/compressor.hpp"
#include "keeper/log/output_log.hpp"
#include "keeper/log/syslog_lines.hpp"
#include "protocol/wire/spec.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

/// Most bytes that are drained at the end of a run: a process that is left over and writes without end must
/// not delay the next run, or the end of the app.
inline constexpr std::size_t kDrainAtExit = 16 << 20;

/// Those that see output on its way.
struct OutputHooks {
  const ActingUser* user =
      nullptr;  ///< whose rights count at its logs' paths (FileSink); null: nobody else's
  std::function<bool()> is_watched;  ///< asked before each piece
  std::function<void(std::string_view bytes, LogStream from)> watch;
  std::function<int()> pid;  ///< of the run that writes
  /// A log is written into this file from now on, and not any more into the one with the watch `before` (-1:
  /// none). The watch under which look_for_file() will be told of it; -1: it will not be told.
  std::function<int(int fd, int before)> watch_file;
  /// Where the log of that stream, which was at `given`, is to be by now; asked before it is looked for.
  std::function<std::string(LogStream stream, const std::string& given)> where;
  /// Log number `log` has memory that outlives this process (overflow_buffer.hpp): to be handed on.
  std::function<void(std::size_t log, int fd)> on_memory;
  /// A log cannot be written, or (an empty `what`) can again; `dropped` bytes since it was last told.
  std::function<void(const std::string& what, std::uint64_t dropped)> on_trouble;
};

/// What outlives a keeper of an app's output.
struct OutputMemory {
  std::array<PieceMark*, 2> marks{};  ///< null: nowhere
  std::vector<OutputPipe> pipes;      ///< that a living run writes into, in the order of the streams; used up
  std::array<Fd, 2> copies;           ///< reading ends of the pipes beside them; may be empty
  std::array<Fd, 2> kept;             ///< by log, what it did not take (overflow_buffer.hpp); may be empty
};

/// Returns whether that value of Spec::log is a file, and not nothing or the terminal.
bool names_log_file(const std::string& log);

class AppOutput {
 public:
  /// `path` and `error_path`: where the logs are, if the spec wants files. Errors: no descriptors.
  static Result<std::unique_ptr<AppOutput>> make(asio::io_context& io, const Spec& spec, std::string path,
                                                 std::string error_path, OutputHooks hooks,
                                                 OutputMemory memory = {});
  AppOutput(const AppOutput&) = delete;
  AppOutput& operator=(const AppOutput&) = delete;

  /// The pipes' writing ends, for a spawn; the same one where the streams are together.
  int out() const { return streams_.front()->writing.get(); }
  int err() const { return streams_.back()->writing.get(); }
  const std::vector<std::uint64_t>& pipe_inodes() const { return inodes_; }
  /// Where what is being written is marked from now on, by stream.
  void use_marks(const std::array<PieceMark*, 2>& marks);
  /// Their reading ends, in the order of the streams.
  std::vector<int> pipes() const;
  /// Reading ends of the pipes beside them.
  std::vector<int> copies() const;
  /// By log, the memory of what it did not take; -1: none.
  std::vector<int> kept() const;
  /// Takes what is there, at most about `most` bytes of each.
  void drain(std::size_t most);

  /// A run has begun: makes the logs, so that there is something to look at. The first one also brings into
  /// order what an earlier keeper left.
  void begin_run();
  /// What is written from now on is the run's.
  void mark_run();
  /// A run has ended, and its output was drained.
  void end_run();
  /// Its last bytes, where they went into files; the caller saw all others.
  std::string last_output(std::size_t most) const;
  bool keeps_files() const { return !sinks_.empty(); }

  /// The same for the log with keeper's own lines; true where there is none.
  bool at_line_start();
  /// A line of keeper's own, for the log and for syslog.
  void add_own(std::string_view text, WallTime time);

  /// What its lines are called after: the spec's instances are not as many as they were.
  void rename();

  std::vector<LogFile> files() const;
  /// Nothing: its lines do not go there.
  std::optional<SyslogState> syslog() const;
  /// Processes that pack backups.
  std::vector<int> pids() const;

  /// Something was done to the file with this watch, or (-1) to any.
  void look_for_file(int watch);
  /// Names the logs as they are found by now.
  void go_along();
  /// Tries again what the logs did not take. Whether there is nothing left of it.
  bool try_again();
  /// For the end: what the logs do not take is dropped, and counted.
  void give_up();
  /// Then: what was lost is told, and what waits to be sent goes as far as it is taken soon.
  void finish();

  // For all of its logs; errors: the first that went wrong.
  Done rotate();
  Done reopen();
  std::size_t logs() const { return sinks_.size(); }
  /// Empties one log, and removes its backups: a part of that. Returns false while there is more to remove.
  Result<bool> flush_part(std::size_t log);
  /// Removes the log files, with their backups and the links that lead to them. Nothing is written after
  /// that.
  Done remove_files();

 private:
  struct Sink {
    std::string stream;  ///< "all", "out", "err"
    std::unique_ptr<FileSink> file;
    int watch = -1;  ///< of its file
    std::unique_ptr<Compressor> compressor;
    std::uint64_t run_mark = 0;
    std::string trouble;
    std::uint64_t told_dropped = 0;
  };
  struct Stream {
    Fd writing;
    std::unique_ptr<SyslogLines> lines;  ///< null: its lines go nowhere else
    std::unique_ptr<OutputLog> log;
  };

  AppOutput(asio::io_context& io, const Spec& spec, OutputHooks hooks, OutputMemory memory);
  std::size_t add_sink(const std::string& stream, const std::string& path);
  Done add_stream(LogStream from, std::optional<std::size_t> log);
  bool is_first_into(const FileSink* file, std::size_t stream) const;
  bool take_over_kept(std::size_t log, PieceMark* mark);
  void settle(const OutputRoute& route, bool known, int pipe, CopyPipe& second);
  void look_for_trouble();
  static std::uint64_t newly_dropped(Sink& sink);
  Done tend(Done (FileSink::*doing)());

  asio::io_context& io_;
  const Spec& spec_;
  OutputHooks hooks_;
  OutputMemory memory_;
  std::vector<std::uint64_t> inodes_;  ///< of the pipes
  bool tidied_ = false;
  std::unique_ptr<SyslogSender> syslog_;          ///< null: not asked for
  std::vector<std::unique_ptr<Sink>> sinks_;      ///< none: no files
  std::vector<std::unique_ptr<Stream>> streams_;  ///< one, or out and err
};

}  // namespace keeper
