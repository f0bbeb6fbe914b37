// Another user's rights for a moment: what is permitted meanwhile, whose what is made is, and that all of it
// is as before afterwards.
#include "protocol/base/acting_as.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "tests/edges/support/place.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;

const string kAccount = "nobody:65534:65534:7,65534:/:/bin/sh";

/// The lines of /proc/self/status that a change of identity changes.
string identity() {
  std::ifstream status("/proc/thread-self/status");
  string out;
  for (string line; std::getline(status, line);)
    if (line.starts_with("Uid:") || line.starts_with("Gid:") || line.starts_with("Groups:") ||
        line.starts_with("Cap"))
      out += line + "\n";
  return out + std::to_string(prctl(PR_GET_DUMPABLE));
}

int open_error(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

int bind_error(std::uint16_t port) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  return bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 ? 0 : errno;
}

TEST(ActingAs, IsTheUserAndHasNoCapability) {
  NEEDS_ROOT();
  Place place;
  chmod(place.path().c_str(), 0777);
  const string made = (place / "made").string();
  const ActingUser user = acting_user(kAccount);
  ASSERT_TRUE(user.acts);
  {
    const ActingAs as_user(&user);
    ASSERT_EQ(0, as_user.error());
    EXPECT_EQ(EACCES, open_error("/etc/shadow", O_RDONLY));
    EXPECT_EQ(EACCES, open_error("/etc/made", O_RDWR | O_CREAT));
    EXPECT_EQ(0, open_error(made.c_str(), O_RDWR | O_CREAT));
    EXPECT_EQ(-1, sethostname("other", 5));
  }
  struct stat st {};
  ASSERT_EQ(0, stat(made.c_str(), &st));
  EXPECT_EQ(65534u, st.st_uid);
  EXPECT_EQ(65534u, st.st_gid);
}

TEST(ActingAs, HasNoLowPort) {
  NEEDS_ROOT();
  int first_free = 1024;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_free;
  if (first_free <= 1) GTEST_SKIP() << "no port is for root alone here";
  const ActingUser user = acting_user(kAccount);
  const ActingAs as_user(&user);
  EXPECT_EQ(EACCES, bind_error(1));
}

TEST(ActingAs, LeavesAllAsItWasAndErrnoAsItIs) {
  NEEDS_ROOT();
  const ActingUser user = acting_user(kAccount);
  const string before = identity();
  {
    const ActingAs as_user(&user);
    EXPECT_NE(before, identity());
    const string within = identity();
    {
      const ActingAs again(&user);
      EXPECT_EQ(0, again.error());
    }
    EXPECT_EQ(within, identity());
    errno = ENOTTY;
  }
  EXPECT_EQ(ENOTTY, errno);
  EXPECT_EQ(before, identity());
}

TEST(ActingAs, IsNobodyElseWithoutAUserOrWhereThatIsRoot) {
  const string before = identity();
  for (const char* account : {"", "root:0:7:7:/root:/bin/sh", "no account"}) {
    const ActingUser user = acting_user(account);
    EXPECT_FALSE(user.acts) << account;
    const ActingAs as_user(&user);
    EXPECT_EQ(before, identity());
  }
  const ActingAs as_nobody(nullptr);
  EXPECT_EQ(before, identity());
}

/// This process, which may not change its groups any more.
[[noreturn]] void act_without_the_right_to() {
  __user_cap_header_struct this_thread{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3] = {};
  syscall(SYS_capget, &this_thread, all);
  all[0].permitted &= ~(1U << CAP_SETGID);
  all[0].effective = all[0].permitted;
  syscall(SYS_capset, &this_thread, all);
  const ActingUser user = acting_user(kAccount);
  const string before = identity();
  const ActingAs as_user(&user);
  _exit(as_user.error() == EPERM && errno == EPERM && before == identity() ? 0 : 1);
}

TEST(ActingAs, ChangesNothingWhereTheIdentityCannotBeHad) {
  NEEDS_ROOT();
  EXPECT_EXIT(act_without_the_right_to(), testing::ExitedWithCode(0), "");
}

TEST(ActingAs, IsNeverTwoUsersAtOnce) {
  NEEDS_ROOT();
  const ActingUser user = acting_user(kAccount), other = acting_user("other:1:1:1:/:/bin/sh");
  const ActingAs as_user(&user);
  const string within = identity();
  const ActingAs as_other(&other);
  EXPECT_EQ(EPERM, as_other.error());
  EXPECT_EQ(within, identity());
}

}  // namespace
}  // namespace keeper
