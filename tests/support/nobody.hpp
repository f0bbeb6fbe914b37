// The ordinary user that a test becomes: only root can be two users.
#pragma once
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

/// Skips a test that needs two users, or a right that only root has.
#define NEEDS_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "needs root"

/// Skips a test in which nobody executes that program, or enters that directory, if others may not: a clone
/// or TMPDIR may lie in a directory of root's alone.
#define NEEDS_REACH(path) \
  if (!keeper::nobody_reaches(path)) GTEST_SKIP() << "out of an ordinary user's reach: " << (path)

namespace keeper {

inline constexpr uid_t kNobody = 65534;

/// Makes this process the user nobody, in nobody's group alone. Changes nothing if it is no process of
/// root's; ends it with 125 if that fails. For a process of the test's own: there is no way back.
inline void become_nobody() {
  if (geteuid() != 0) return;
  if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
      setresuid(kNobody, kNobody, kNobody) != 0)
    _exit(125);
}

inline bool nobody_reaches(const std::filesystem::path& path) {
  const pid_t child = fork();
  if (child == 0) {
    become_nobody();
    _exit(access(path.c_str(), X_OK) == 0 ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace keeper
