// Tells whether a file is still the one that was read, with the same content.
#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

namespace keeper {

struct ActingUser;

/// The properties that tell a file from another one and from its own earlier content.
struct FileMark {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t written_ns = 0;  ///< st_mtim (stat(2))
  bool operator==(const FileMark&) const = default;
};

FileMark mark_of(const struct stat& st);
/// Returns the mark of the file that a path leads to, links followed; FileMark{} if there is none.
FileMark mark_at(const std::string& path);

/// The files that something was made of, and the files that would have been used if they had existed.
class FilesRead {
 public:
  /// Notes a path before it is read; once, if it is noted twice. `as`: the user with whose rights it is
  /// looked at, now and later; null: this process's own rights.
  void add(const std::string& path, const ActingUser* as = nullptr);
  /// Returns whether one of them is another one now: its content, its mode or owner, or whether it can be
  /// reached. A change within two seconds before the note cannot be told from a later one, and counts.
  bool changed() const;
  void clear() { all_.clear(); }

 private:
  struct Seen {
    FileMark mark;
    std::int64_t changed_ns = 0;  ///< st_ctim
    int error = 0;                ///< errno of stat(2)
    bool operator==(const Seen&) const = default;
  };
  struct One {
    std::string path;
    const ActingUser* as;
    Seen seen;
    bool settled;  ///< it had not changed for a while
  };
  static Seen look(const std::string& path, const ActingUser* as);

  std::vector<One> all_;
};

}  // namespace keeper
