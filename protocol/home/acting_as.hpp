// A privileged process acts with another user's rights for a moment: where that user may have chosen the path
// or the port, the kernel is to permit what it permits that user, and nothing else.
//
// The calling thread, which must be the only one, changes its file system identity: uid, gid and
// supplementary groups; no capability is effective (credentials(7), capabilities(7)). Files that are made
// meanwhile are that user's, and no signal of that user's reaches the process.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

struct ActingUser {
  bool acts = false;  ///< false: there is nobody else to be, and nothing ever changes
  std::string name;
  unsigned uid = 0;
  unsigned gid = 0;
  std::vector<unsigned> groups;
  /// The directory of all that is this process's own, wherever that lies; 0: none.
  std::uint64_t home_device = 0;
  std::uint64_t home_inode = 0;
};

/// The user of an account as text (Spec::run_as), for a process that is root. No other user for any other
/// process, for an empty text, and if that user is root.
ActingUser acting_user(std::string_view run_as);

/// From its beginning to its end this thread acts as that user. Null, or nobody else: nothing changes. errno
/// stays what it is at its end. Within a scope of the same user another one changes nothing.
class ActingAs {
 public:
  explicit ActingAs(const ActingUser* user);
  /// A process that cannot take its own identity again ends (abort(3)).
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

  /// The errno of the step that failed, which is errno too: then nothing has changed, and nothing is to be
  /// done. 0: it acts so.
  int error() const { return error_; }

 private:
  struct Own;
  bool take(const ActingUser& user);
  void restore();

  std::unique_ptr<const Own> own_;  ///< what was before; null: nothing has changed
  int error_ = 0;
};

/// Makes a child process that user for good (setresuid(2)). False and errno if that fails.
bool become(const ActingUser& user);

}  // namespace keeper
