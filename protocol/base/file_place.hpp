// Follows a path for a privileged process that keeps a program of another user.
//
// A directory that belongs to this process's own user, and that no other user can write, is the
// administrator's: its entries were made by the administrator, and are reached with all rights. From the
// first other directory on, another user may have chosen what a name leads to, so the rest of the way, and
// the action at its end, have the rights of the program's user and no others (acting_as.hpp). The home is the
// administrator's wherever it lies. So are the administrator's directories in a directory like /tmp, in which
// everybody may write but only the owner may rename an entry (the sticky bit).
//
// The walk goes from descriptor to descriptor, and reads and follows links itself. A link that another user
// than the administrator has made must lead to a file of the link's maker.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "protocol/base/acting_as.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

struct FilePlace {
  Fd held;                          ///< the directory; none: `name` is the whole path
  std::string name;                 ///< in that directory: not a link, if links were followed
  std::string path;                 ///< as text, for people
  const ActingUser* as = nullptr;   ///< the user whose rights count there; null: this process's own
  std::optional<unsigned> owner{};  ///< a uid that the file must have, because a link of that user led there
  bool follow = false;              ///< the kernel follows the last step: a link of /proc, or no other user

  /// Returns the directory for openat(2) and similar calls.
  int directory() const;
  /// Returns the last component, wherever `name` begins.
  std::string base() const;
  /// Returns the name for directory() of another file, given by its last component.
  std::string beside(const std::string& other) const;
};

enum class LastLink { followed, kept };
enum class Parents { as_they_are, made };  ///< made: with 0700, with the rights that count at each

/// Finds the place of a file, which need not exist. `user`: if null or not another user, the path is taken as
/// it is. Errors: with errno; `doing` is "as NAME" if that user's rights did not suffice; refused (a link
/// that leads to another user's file).
Result<FilePlace> find_place(const std::string& path, const ActingUser* user,
                             LastLink last = LastLink::followed, Parents parents = Parents::as_they_are);

/// Opens the file with the rights that count there. Errors: as of find_place().
Result<Fd> open_file(const FilePlace& place, int flags, mode_t mode = 0600);
/// Opens another file of the directory by its last component, never through a link; none and errno.
Fd open_beside(const FilePlace& place, const std::string& other, int flags, mode_t mode = 0600);

/// The attributes that a file takes over from its predecessor.
struct FileAttributes {
  mode_t mode = 0;  ///< permission bits only
  uid_t owner = 0;
  gid_t group = 0;
};
/// Returns those of an open regular file; nothing for any other file.
std::optional<FileAttributes> attributes_of(int file);
/// Returns those of a regular file of the directory, by its last component.
std::optional<FileAttributes> attributes_beside(const FilePlace& place, const std::string& other);
/// Gives a file that was made there these attributes, with the rights that count there. Skips an owner or
/// group that these rights do not permit; a wrong group gets no more rights than others.
void give_attributes(const FilePlace& place, int file, const FileAttributes& wanted);

/// Removes such a file. Returns false and errno if that fails.
bool remove_beside(const FilePlace& place, const std::string& other);
/// Opens the directory for reading; none and errno on failure.
Fd open_directory_of(const FilePlace& place);

/// Returns the rights for reading the file at a path, links followed: those of `user`, or null for this
/// process's own. Any link may be on the way.
const ActingUser* rights_at(const std::string& path, const ActingUser& user);

/// "cannot DOING: as nobody: Permission denied", for an Error of these functions.
Error cannot_at(std::string doing, const Error& error);
/// "/x/app.log as nobody: Permission denied; ...": the same with a remedy.
std::string trouble_at(const std::string& path, const Error& error);

}  // namespace keeper
