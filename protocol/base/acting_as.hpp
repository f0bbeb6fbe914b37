// Lets a privileged process act with another user's rights for a moment: if that user may have chosen the
// path or the port, the kernel must permit what it permits that user, and nothing else.
//
// Changes the file system identity of the calling thread, which must be the only one: uid, gid and
// supplementary groups; no capability is effective (credentials(7), capabilities(7)). Files that are made
// meanwhile belong to that user, and no signal of that user reaches the process.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

struct ActingUser {
  bool acts = false;  ///< false: there is no other user, and nothing ever changes
  std::string name;
  unsigned uid = 0;
  unsigned gid = 0;
  std::vector<unsigned> groups;
  /// The device of the directory that holds all files of this process itself; 0: none.
  std::uint64_t home_device = 0;
  std::uint64_t home_inode = 0;
};

/// Returns the user of an account as text (Spec::run_as), for a process that is root. Returns no other user
/// for any other process, for an empty text, and if that user is root.
ActingUser acting_user(std::string_view run_as);

/// Makes this thread act as that user from construction to destruction. Changes nothing for null or for no
/// other user. Keeps errno at its end. Within a scope of the same user another one changes nothing.
class ActingAs {
 public:
  explicit ActingAs(const ActingUser* user);
  /// Ends the process (abort(3)) if it cannot take its own identity again.
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

  /// The errno of the step that failed, which is errno too; then nothing has changed, and the caller must not
  /// act. 0: the thread acts as the user.
  int error() const { return error_; }

 private:
  struct Own;
  bool take(const ActingUser& user);
  void restore();

  std::unique_ptr<const Own> own_;  ///< the identity before; null: nothing has changed
  int error_ = 0;
};

/// Makes a child process that user for good (setresuid(2)). Returns false and errno if that fails.
bool become(const ActingUser& user);

}  // namespace keeper
