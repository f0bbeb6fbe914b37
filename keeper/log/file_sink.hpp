// The log file: appends, begins again when it has grown to its size, and never makes anybody wait.
//
// Bytes go to explicit offsets, so that they can be spliced from a pipe (splice(2) refuses O_APPEND); the
// offset is the file's size as it is before each piece, for somebody may have truncated it. A file that was
// renamed, removed or replaced by somebody else is left, and the one at its path taken, within a second; a
// line that was begun in it is ended there, if its end comes within another. Where nothing can be had at the
// path, one that was only renamed serves on until it has grown to its size. A new file has the mode, owner
// and group of the one whose place it takes. One that may not grow any more (RLIMIT_FSIZE) is rotated,
// wherever its last line ends.
//
// Output that cannot be written (full disk, no permission) is kept (overflow_buffer.hpp); dropped output is
// reported in the log once there is room. Nothing here fails for good: retry() tries again.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "keeper/log/index_file.hpp"
#include "keeper/log/overflow_buffer.hpp"
#include "keeper/log/rotator.hpp"
#include "protocol/home/file_place.hpp"

namespace keeper {

struct LogRules {
  std::uint64_t most = 0;      ///< rotates at this many bytes; 0: never
  int backups = 0;             ///< renamed ones that stay
  std::uint64_t total = 0;     ///< of all of them together; 0: no bound
  bool compress = false;       ///< backups are packed, by somebody else
  std::size_t keep = 8 << 20;  ///< bytes that wait in memory while the file cannot be written
  bool block = false;          ///< when that is full: take nothing more, instead of dropping
};

class FileSink {
 public:
  /// The file at `path` is opened (and made, 0600, with its directory) at the first write. Where that is a
  /// link, the log is the file that it leads to whenever a file is opened. `user` (null: nobody else)
  /// outlives this: whose rights count where that user may have chosen what is at the path (file_place.hpp).
  FileSink(std::string path, LogRules rules, const ActingUser* user = nullptr);
  /// What to write into the log, as a line with its newline, when there is room again and `bytes` were
  /// dropped.
  void on_dropped(std::function<std::string(std::uint64_t bytes)> line) { on_dropped_ = std::move(line); }

  /// Told which file it writes into from now on; true: look_for_file() will be called when something is done
  /// to it. Else that is looked for before each piece, which costs a tenth of what a line now and then does.
  void on_file(std::function<bool(int fd)> watched) { on_file_ = std::move(watched); }
  /// Asked before the path is looked at: where the file is to be by now. The home may have been moved.
  void on_look(std::function<std::string()> where) { where_ = std::move(where); }
  /// Asks that now.
  void go_along();
  /// Somebody has renamed or removed the file, perhaps.
  void look_for_file() { looked_at_ = 0; }

  /// Makes the file now, so that there is one to look at.
  void open() { ready(); }
  /// Appends. Rotates at the end of a line once the file has reached its size (a line without end is cut 1
  /// MiB past it): PATH to PATH.1, PATH.1 to PATH.2, ...
  void write(std::string_view bytes);
  /// Begins a piece, from pipe number `pipe`: all that is written until end_piece() goes into one file, which
  /// does not rotate meanwhile, or into memory if older output waits there. Before that waiting output is
  /// tried again, and the file rotates if that is due.
  void begin_piece(int pipe = 0);
  void end_piece();
  /// How many of these bytes go into this file, at least one: up to the end of the line at which it rotates,
  /// or is left.
  std::size_t share(std::string_view bytes);
  /// The same for lines that come one by one: with so many bytes, at least 1, it has enough.
  std::uint64_t lines_room() const;
  /// A piece that an earlier keeper has begun to write at this offset comes again: it is written over what is
  /// there of it, which nobody sees shrink who reads meanwhile.
  void write_again(std::uint64_t inode, std::uint64_t offset);
  /// Whether that is still to come.
  bool writes_again() const { return again_.has_value(); }
  /// Continues with the output that an earlier keeper kept in `memory`; to be called before the first write.
  /// Without such memory (an empty descriptor), `lost` is what it had kept, and counts as dropped.
  void take_over(Fd memory, OverflowLoss lost);
  /// Ends a piece of pipe `pipe` that an earlier keeper had begun to keep. `comes_again`: it is still in that
  /// pipe, so it is removed from memory.
  void settle_piece(int pipe, bool comes_again);
  /// The output that waits in memory.
  OverflowBuffer& kept() { return kept_; }
  /// How many bytes may be spliced as they are; 0: they have to be looked at, by write().
  std::size_t splice_room();
  /// Appends up to `most` bytes from a pipe without reading them. How many went; fewer: the rest is
  /// write()'s.
  std::size_t splice_from(int pipe, std::size_t most);
  /// Appends one whole line that is not the child's, ending an unfinished line of the child's first.
  void write_marker(std::string_view line);

  /// Nothing more should be handed in: it would be dropped, against the rules.
  bool is_full() const { return kept_.is_full(); }
  /// What is handed in is dropped just now.
  bool is_dropping() const { return kept_.dropping(); }
  /// What goes wrong just now, for people; empty if all is well. retry() may put it right.
  const std::string& trouble() const;
  /// A rotation goes on, in parts: retry() performs the next one.
  bool rotates() const { return rotates_ || tidies_; }
  /// Tries again what did not go, and goes on with what is not done.
  void retry();
  /// Nothing is tried again any more: what waits is dropped, with `more` bytes that were not handed in.
  void give_up(std::uint64_t more) { kept_.give_up(more); }
  /// Bytes that wait in memory.
  std::size_t waiting() const { return kept_.size(); }
  /// Dropped since the start.
  std::uint64_t dropped() const { return kept_.dropped(); }

  /// Begins a new file, if there is anything in this one: now, or when its last line has ended. Errors: it
  /// could not be renamed.
  Done rotate();
  /// Takes what is at the file's path, and lets go of the file. Errors: it cannot be had just now; then the
  /// old one stays.
  Done reopen();
  /// Removes the backups, and all that is in the file, and what waits. Errors: what could not be removed;
  /// then the file is as it was.
  Done flush();
  /// The same in parts. Returns false while there is more to remove.
  Result<bool> flush_part();
  /// Removes the file, its backups, and a link that leads to it. Errors: what could not be removed.
  Done remove_files();
  /// Brings the files of the log into order: what an earlier keeper left half done.
  void tidy();
  /// Packs a backup of a log, from a file to a file beside it; false: it cannot be done just now.
  using Pack = std::function<bool(const FilePlace& log, const std::string& from, const std::string& to)>;
  void on_compress(Pack start) { on_compress_ = std::move(start); }
  /// How that ended; the inode of what was packed.
  void compressed(bool good, std::uint64_t inode);
  /// The last bytes since a mark, at most `most`, of the file, its first backup and what waits.
  std::string last(std::size_t most, std::uint64_t mark) const;
  /// All bytes that were ever handed in.
  std::uint64_t total() const { return total_; }

  bool at_line_start();
  /// As it was asked for, and where the file really is.
  const std::string& given() const { return given_; }
  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return size_; }
  /// Of the file that is open; 0: none.
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

  std::string given_;  ///< may be a link; another one where the home was moved
  std::string path_;   ///< is none, unless to a device or the like
  const ActingUser* user_;
  LogRules rules_;
  std::function<std::string(std::uint64_t)> on_dropped_;
  Fd file_;
  ino_t inode_ = 0;  ///< of the file, and where that is
  dev_t device_ = 0;
  bool regular_ = true;
  std::function<bool(int)> on_file_;
  std::function<std::string()> where_;  ///< null: as it was given
  bool told_ = false;                   ///< of what is done to the file
  bool spliceable_ = true;
  bool full_ = false;                     ///< it may not grow any more (RLIMIT_FSIZE); another may
  std::optional<FileAttributes> former_;  ///< of the last one at the path: the next has the same
  IndexFile index_;
  Rotator rotator_;
  Pack on_compress_;
  bool compressing_ = false;
  std::uint64_t size_ = 0;
  bool in_piece_ = false;
  ino_t again_inode_ = 0;
  std::optional<std::uint64_t> again_;  ///< where in that file a piece comes again
  std::uint64_t total_ = 0;
  std::optional<bool> at_line_start_;  ///< nothing: bytes were spliced, look
  std::int64_t looked_at_ = 0;         ///< at the path, in ms
  Fd next_;                            ///< the one at the path, while a line is ended in the old one
  std::int64_t next_by_ = 0;           ///< ms, and
  std::uint64_t next_at_ = 0;          ///< size of the old one: then it is taken in any case
  std::uint64_t asked_ = 0;            ///< somebody asked for a rotation at this size
  std::uint64_t rested_at_ = 0;        ///< size of the file when it was opened, or while rotations rested
  std::int64_t next_rotation_ = 0;     ///< not before, after one that failed, or a part of one
  bool rotates_ = false;               ///< a part of it is done
  bool tidies_ = false;
  std::string trouble_;
  std::string path_trouble_;  ///< nothing can be had at the path, and the old file serves on
  std::string rotation_trouble_;
  OverflowBuffer kept_;
};

}  // namespace keeper
