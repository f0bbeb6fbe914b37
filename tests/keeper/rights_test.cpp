// A keeper that is root keeps a program of another user: at a path or a port that the program, or its user,
// may have chosen it does what that user may do, and nothing else.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "protocol/wire/finally.hpp"
#include "tests/keeper/support/follower.hpp"
#include "tests/keeper/support/http.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

constexpr uid_t kNobody = 65534;

uid_t owner_of(const fs::path& path) {
  struct stat st {};
  EXPECT_EQ(0, lstat(path.c_str(), &st)) << path;
  return st.st_uid;
}

/// Root, with a directory of nobody's and one of root's own.
struct Rights : testing::Test {
  Sandbox box;
  fs::path theirs = box.root() / "theirs", own = box.root() / "own", secret = own / "secret";

  void SetUp() override {
    if (getuid() != 0) GTEST_SKIP() << "needs root";
    for (const fs::path& path : {theirs, own})
      fs::create_directory(path);
    for (const fs::path& path : {box.root(), box.work(), theirs, own})
      ASSERT_EQ(0, chmod(path.c_str(), 0755));
    ASSERT_EQ(0, chown(theirs.c_str(), kNobody, kNobody));
    write_text(secret, "root's own\n");
  }
  void TearDown() override {
    if (!fs::exists(secret)) return;
    EXPECT_EQ("root's own\n", read_text(secret));
    EXPECT_EQ(0u, owner_of(secret));
  }

  /// A program of its user's: nobody can read where this was built.
  string script(const char* name, const string& text) {
    write_text(box.work() / name, text, 0755);
    return (box.work() / name).string();
  }
  void keep(Words words) {
    words.insert(words.begin(), {"--user", "nobody", "--no-wait"});
    box.detach("app", std::move(words));
  }
  /// A worker of a cluster that listens at `where`.
  void serve(const string& where) {
    keep({"--cluster", script("serves.js", read_text(CHILD_SCRIPTS "/serves.js")), where});
  }
};

// --- what a worker listens at

TEST_F(Rights, ASocketThatTheProgramWishesIsItsUsersFromItsFirstMomentOn) {
  const fs::path path = theirs / "app.sock";
  serve(path);
  EVENTUALLY(box.logged("app", "listening"));
  EXPECT_EQ(kNobody, owner_of(path));
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(Rights, ASocketWhereTheUserMayMakeNoneFailsAsTheProgramItselfWould) {
  const string path = own / "app.sock";
  Follower follower(box);
  serve(path);
  EVENTUALLY(box.logged("app", "error EACCES"));
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE(follower.comes("app", "now"));
  ASSERT_EQ(0, box.ctl({"restart", "app"}).code);
  EXPECT_TRUE(follower.says("app", "listen_failed", "unix " + path + ": Permission denied"))
      << follower.all();
}

TEST_F(Rights, APortForRootAloneFailsAsTheProgramItselfWould) {
  int first_free = 1024;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_free;
  if (first_free <= 1) GTEST_SKIP() << "no port is for root alone here";
  Follower follower(box);
  serve("127.0.0.1:1");
  EVENTUALLY(box.logged("app", "error EACCES bind"));
  ASSERT_TRUE(follower.comes("app", "now"));
  ASSERT_EQ(0, box.ctl({"restart", "app"}).code);
  EXPECT_TRUE(follower.says("app", "listen_failed", "tcp 127.0.0.1:1: Permission denied")) << follower.all();
}

/// Where a link stood at the right moment the keeper once gave the file behind it away.
TEST_F(Rights, ADirectoryThatIsExchangedForALinkLeadsTheKeeperNowhere) {
  fs::create_directory_symlink(own, theirs / "link");
  fs::create_directory(theirs / "directory");
  ASSERT_EQ(0, chown((theirs / "directory").c_str(), kNobody, kNobody));
  std::atomic<bool> done = false;
  std::thread exchanges([&] {
    while (!done)
      renameat2(AT_FDCWD, (theirs / "link").c_str(), AT_FDCWD, (theirs / "directory").c_str(),
                RENAME_EXCHANGE);
  });
  const Finally stopped([&] { done = true, exchanges.join(); });
  keep({"--cluster", script("a.js", R"(
    const net = require('net'), fs = require('fs'), at = process.argv[2];
    let left = 300;
    function again() {
      for (const one of ['/link/secret', '/directory/secret'])
        try { if (fs.lstatSync(at + one).isSocket()) fs.unlinkSync(at + one); } catch {}
      if (--left === 0) return console.log('tried');
      const server = net.createServer();
      server.on('error', () => setImmediate(again));
      server.listen({ path: at + '/directory' + '/'.repeat(1 + left % 40) + './'.repeat(left / 40) + 'secret' },
        () => server.close(() => setImmediate(again)));
    }
    again();
    setInterval(() => {}, 1e6);)"),
        theirs});
  EVENTUALLY(box.logged("app", "tried"));
}

TEST_F(Rights, ASocketIsNotRemovedBehindALinkThatTheUserPutInItsPlace) {
  fs::create_directory(theirs / "d");
  ASSERT_EQ(0, chown((theirs / "d").c_str(), kNobody, kNobody));
  serve(theirs / "d/app.sock");
  EVENTUALLY(box.logged("app", "listening"));
  // The very same file, where only root may remove it.
  fs::create_hard_link(theirs / "d/app.sock", own / "app.sock");
  fs::rename(theirs / "d", theirs / "moved");
  fs::create_directory_symlink(own, theirs / "d");
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  EXPECT_TRUE(fs::is_socket(own / "app.sock"));
}

}  // namespace
}  // namespace keeper
