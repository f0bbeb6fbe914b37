// Follows a path for a privileged process that keeps a program of another user.
//
// A directory that belongs to this process's own user, and that nobody else can write, is the
// administrator's: what is in it was put there by the administrator, and is reached with all rights. From the
// first other directory on, somebody else may have chosen what a name leads to, so the rest of the way, and
// what is done at its end, has the rights of the program's user and no others (acting_as.hpp). The home is
// the administrator's wherever it lies; and in a directory like /tmp, where everybody may write but nobody
// may rename what is another's (the sticky bit), so are directories of the administrator's.
//
// The way is walked from descriptor to descriptor, and links are read and followed here. A link that another
// than the administrator has made has to lead to what belongs to its maker.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "protocol/home/acting_as.hpp"
#include "protocol/home/home.hpp"

namespace keeper {

struct FilePlace {
  Fd held;                          ///< the directory; none: `name` is the whole path
  std::string name;                 ///< in that directory: no link, if links were followed
  std::string path;                 ///< as text, for people
  const ActingUser* as = nullptr;   ///< whose rights count there; null: this process's own
  std::optional<unsigned> owner{};  ///< a uid that what is there must have: a link of that user's led there
  bool follow = false;              ///< the last step is the kernel's: a link of /proc, or nobody else's path

  /// For openat(2) and its like.
  int directory() const;
  /// The last component, wherever `name` begins.
  std::string base() const;
  /// Another file of the directory, by its last component: a name for directory().
  std::string beside(const std::string& other) const;
};

enum class LastLink { followed, kept };
enum class Parents { as_they_are, made };  ///< made: 0700, as whoever they lie with

/// Finds the place of a file, which need not exist. `user`: null, or no other user: the path is taken as it
/// is. Errors: with errno; `doing` is "as NAME" if that user's rights did not suffice; refused (a link that
/// leads to another's file).
Result<FilePlace> find_place(const std::string& path, const ActingUser* user,
                             LastLink last = LastLink::followed, Parents parents = Parents::as_they_are);

/// Opens what is there, with the rights that count there. Errors: as of find_place().
Result<Fd> open_file(const FilePlace& place, int flags, mode_t mode = 0600);
/// Opens another file of the directory by its last component, never through a link; none and errno.
Fd open_beside(const FilePlace& place, const std::string& other, int flags, mode_t mode = 0600);

/// What a file that takes another's place takes from it.
struct FileAttributes {
  mode_t mode = 0;  ///< permissions alone
  uid_t owner = 0;
  gid_t group = 0;
};
/// Of a regular file that is open; nothing of any other.
std::optional<FileAttributes> attributes_of(int file);
/// Of a regular file of the directory, by its last component.
std::optional<FileAttributes> attributes_beside(const FilePlace& place, const std::string& other);
/// Gives a file, which was made there, these attributes, with the rights that count there. An owner or group
/// that these rights do not do for is left out; another group than it should be gets no more than others.
void give_attributes(const FilePlace& place, int file, const FileAttributes& wanted);

/// Removes such a file. False and errno if that fails.
bool remove_beside(const FilePlace& place, const std::string& other);
/// The directory, to be read; none and errno.
Fd open_directory_of(const FilePlace& place);

/// Returns the rights for reading the file at a path, links followed: those of `user`, or null for this
/// process's own. Any link may have led there.
const ActingUser* rights_at(const std::string& path, const ActingUser& user);

/// "cannot DOING: as nobody: Permission denied", for an Error of these functions.
Error cannot_at(std::string doing, const Error& error);
/// "/x/app.log as nobody: Permission denied; ...", the same with what to do about it.
std::string trouble_at(const std::string& path, const Error& error);

}  // namespace keeper
