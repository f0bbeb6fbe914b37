// The log file: appends, rotates at its size, and never makes a caller wait.
//
// Bytes go to explicit offsets, so that they can be spliced from a pipe (splice(2) refuses O_APPEND); the
// offset is the file's size before each piece, because another process may have truncated it. A file that
// another process has renamed, removed or replaced is left within a second, and the one at its path is used;
// a line that was begun in the old file is ended there if its end comes within another second. If nothing can
// be opened at the path, a file that was only renamed stays in use until it has grown to its size. A new file
// has the mode, owner and group of its predecessor. A file that may not grow any more (RLIMIT_FSIZE) is
// rotated, wherever its last line ends.
//
// Output that cannot be written (full disk, no permission) is kept (overflow_buffer.hpp); dropped output is
// reported in the log once there is room. No failure is final: retry() tries again.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "keeper/log/index_file.hpp"
#include "keeper/log/overflow_buffer.hpp"
#include "keeper/log/rotator.hpp"
#include "protocol/base/file_place.hpp"

namespace keeper {

struct LogRules {
  std::uint64_t most = 0;      ///< rotates at this many bytes; 0: never
  int backups = 0;             ///< number of backups that stay
  std::uint64_t total = 0;     ///< of all of them together; 0: no bound
  bool compress = false;       ///< backups are packed, by the owner of this class
  std::size_t keep = 8 << 20;  ///< bytes that wait in memory while the file cannot be written
  bool block = false;          ///< when that is full: the caller stops, instead of output being dropped
};

class FileSink {
 public:
  /// Opens the file at `path` (makes it, 0600, with its directory) at the first write. If that is a link, the
  /// log is its target whenever a file is opened. `user` (null: no other user) must outlive this: its rights
  /// count if it may have chosen what is at the path (file_place.hpp).
  FileSink(std::string path, LogRules rules, const ActingUser* user = nullptr);
  /// Called for the line to write into the log, with its newline, when there is room again and `bytes` were
  /// dropped.
  void on_dropped(std::function<std::string(std::uint64_t bytes)> line) { on_dropped_ = std::move(line); }

  /// Called with each newly opened file. Return true if look_for_file() will be called when the file is
  /// renamed or removed; otherwise the sink checks before every write (10 % slower for occasional lines).
  void on_file(std::function<bool(int fd)> watched) { on_file_ = std::move(watched); }
  /// Called before the path is looked at, for its current text. The home may have been moved.
  void on_look(std::function<std::string()> where) { where_ = std::move(where); }
  /// Calls that now.
  void go_along();
  /// Reports that the file may have been renamed or removed.
  void look_for_file() { looked_at_ = 0; }

  /// Makes the file now, so that it can be read.
  void open() { ready(); }
  /// Appends. Rotates at the end of a line once the file has reached its size (a line without end is cut 1
  /// MiB past it): PATH to PATH.1, PATH.1 to PATH.2, ...
  void write(std::string_view bytes);
  /// Begins a piece, from pipe number `pipe`: everything until end_piece() goes into one file, which does not
  /// rotate meanwhile, or into memory if older output waits there. First retries waiting output, and rotates
  /// the file if that is due.
  void begin_piece(int pipe = 0);
  void end_piece();
  /// Returns how many of these bytes go into this file, at least one: up to the end of the line at which it
  /// rotates or is left.
  std::size_t share(std::string_view bytes);
  /// Does the same for single lines: returns how many bytes, at least 1, fill the file.
  std::uint64_t lines_room() const;
  /// Announces a piece that an earlier keeper has begun to write at this offset: it is written over its
  /// earlier part, so that a reader never sees the file shrink.
  void write_again(std::uint64_t inode, std::uint64_t offset);
  /// Returns whether such a piece is still expected.
  bool writes_again() const { return again_.has_value(); }
  /// Continues with the output that an earlier keeper kept in `memory`; to be called before the first write.
  /// Without such memory (an empty descriptor), `lost` is the kept output, which counts as dropped.
  void take_over(Fd memory, OverflowLoss lost);
  /// Ends a piece of pipe `pipe` that an earlier keeper had begun to keep. `comes_again`: it is still in that
  /// pipe, so it is removed from memory.
  void settle_piece(int pipe, bool comes_again);
  /// The output that waits in memory.
  OverflowBuffer& kept() { return kept_; }
  /// Returns how many bytes may be spliced unread; 0: they must go through write().
  std::size_t splice_room();
  /// Appends up to `most` bytes from a pipe without reading them. Returns how many; fewer: the rest must go
  /// through write().
  std::size_t splice_from(int pipe, std::size_t most);
  /// Appends one whole line of the keeper, and ends an unfinished line of the child's first.
  void write_marker(std::string_view line);

  /// Further output would be dropped, against the rules: the caller must stop.
  bool is_full() const { return kept_.is_full(); }
  /// Further output is dropped at the moment.
  bool is_dropping() const { return kept_.dropping(); }
  /// The current fault, for people; empty if there is none. retry() may end it.
  const std::string& trouble() const;
  /// A rotation is in progress, in parts: retry() performs the next one.
  bool rotates() const { return rotates_ || tidies_; }
  /// Retries failed work, and continues unfinished work.
  void retry();
  /// Stops all retries: the waiting output is dropped, with `more` bytes that were not handed in.
  void give_up(std::uint64_t more) { kept_.give_up(more); }
  /// Bytes that wait in memory.
  std::size_t waiting() const { return kept_.size(); }
  /// Bytes dropped since the start.
  std::uint64_t dropped() const { return kept_.dropped(); }

  /// Begins a new file, if this one has content: now, or when its last line has ended. Errors: it could not
  /// be renamed.
  Done rotate();
  /// Opens the file at the path, and closes the old one. Errors: it cannot be opened now; then the old one
  /// stays.
  Done reopen();
  /// Removes the backups, the content of the file, and the waiting output. Errors: what could not be removed;
  /// then the file is unchanged.
  Done flush();
  /// Does the same in parts. Returns false while there is more to remove.
  Result<bool> flush_part();
  /// Removes the file, its backups, and a link that leads to it. Errors: what could not be removed.
  Done remove_files();
  /// Completes what an earlier keeper left half done in the files of the log.
  void tidy();
  /// Packs a backup of a log, from a file to a file beside it; returns false if it cannot now.
  using Pack = std::function<bool(const FilePlace& log, const std::string& from, const std::string& to)>;
  void on_compress(Pack start) { on_compress_ = std::move(start); }
  /// Reports the end of packing; the inode of the packed file.
  void compressed(bool good, std::uint64_t inode);
  /// The last bytes since a mark, at most `most`, of the file, its first backup and what waits.
  std::string last(std::size_t most, std::uint64_t mark) const;
  /// All bytes ever handed in.
  std::uint64_t total() const { return total_; }

  bool at_line_start();
  /// The path as given, and the real path of the file.
  const std::string& given() const { return given_; }
  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return size_; }
  /// The inode of the open file; 0: none.
  std::uint64_t inode() const { return file_ ? inode_ : 0; }

 private:
  bool ready();
  enum class AtPath { ours, other, unknown };
  AtPath look_at_path();
  bool has_name() const;
  Done open_path();
  Result<Fd> open_log(Parents parents);
  void leave_file();
  bool is_full_file() const;
  void leave_full();
  Result<FilePlace> place(Parents parents = Parents::as_they_are);
  void take_file(Fd file);
  bool next_is_due();
  bool leave_moved();
  std::uint64_t size_limit() const;
  std::uint64_t longest() const;
  std::size_t share(std::string_view bytes, bool& rotates);
  void rotate_if_due();
  void wrote_again();
  std::size_t store(std::string_view bytes);
  std::string_view after_drop(std::string_view bytes);
  bool look_at_size();
  bool at_size(std::uint64_t size);
  std::size_t put(std::string_view bytes);
  template <class Rest, class PutShare>
  void put_shares(Rest rest, PutShare put_share);
  void add(std::string_view bytes);
  void send_kept();
  std::uint64_t sent_before_death() const;
  void say_dropped();
  RotationRules rotation() const;
  void brought_into_order(const FilePlace& log, const Rotated& rotated);
  bool move_away();
  void rotate_again();
  void forget_rotation();
  std::string trouble_with(const char* doing) const;
  Done cannot_open(const Error& error);
  Done look_at_all();

  std::string given_;  ///< may be a link; changes if the home is moved
  std::string path_;   ///< is not a link, unless to a device or the like
  const ActingUser* user_;
  LogRules rules_;
  std::function<std::string(std::uint64_t)> on_dropped_;
  Fd file_;
  ino_t inode_ = 0;  ///< of the file, with its device
  dev_t device_ = 0;
  bool regular_ = true;
  std::function<bool(int)> on_file_;
  std::function<std::string()> where_;  ///< null: the given path
  bool told_ = false;                   ///< changes of the file are reported
  bool spliceable_ = true;
  bool full_ = false;                     ///< it may not grow any more (RLIMIT_FSIZE); another file may
  std::optional<FileAttributes> former_;  ///< of the last file at the path: the next one gets the same
  IndexFile index_;
  Rotator rotator_;
  Pack on_compress_;
  bool compressing_ = false;
  std::uint64_t size_ = 0;
  bool in_piece_ = false;
  ino_t again_inode_ = 0;
  std::optional<std::uint64_t> again_;  ///< the place in that file of a repeated piece
  std::uint64_t total_ = 0;
  std::optional<bool> at_line_start_;  ///< nothing: unknown after a splice
  std::int64_t looked_at_ = 0;         ///< at the path, in ms
  Fd next_;                            ///< the file at the path, while a line is ended in the old one
  std::int64_t next_by_ = 0;           ///< ms; the new file is used at the latest then,
  std::uint64_t next_at_ = 0;          ///< or at this size of the old one
  std::uint64_t asked_ = 0;            ///< a rotation was requested at this size
  std::uint64_t rested_at_ = 0;        ///< size of the file when it was opened, or while rotations rested
  std::int64_t next_rotation_ = 0;     ///< not before, after a failed one, or a part of one
  bool rotates_ = false;               ///< a part of a rotation is done
  bool tidies_ = false;
  std::string trouble_;
  std::string path_trouble_;  ///< nothing can be opened at the path, and the old file stays in use
  std::string rotation_trouble_;
  OverflowBuffer kept_;
};

}  // namespace keeper
