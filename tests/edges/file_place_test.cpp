// find_place(): the file that a path leads to, and the user whose rights count there.
#include "protocol/base/file_place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/edges/support/place.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

constexpr uid_t kOther = 65533;

/// Root, in a directory of its own below /tmp, with one of nobody's in it.
struct FilePlaces : testing::Test {
  Place place;
  fs::path own = place / "own", theirs = place / "theirs";
  ActingUser user = acting_user("nobody:65534:65534:65534:/:/bin/sh");

  void SetUp() override {
    NEEDS_ROOT();
    for (const fs::path& path : {place.path(), own, theirs}) {
      fs::create_directories(path);
      ASSERT_EQ(0, chmod(path.c_str(), 0755));
    }
    give(theirs, kNobody);
  }
  static void give(const fs::path& path, uid_t to) { ASSERT_EQ(0, lchown(path.c_str(), to, to)); }
  static void link(const fs::path& at, const fs::path& target, uid_t maker) {
    fs::create_symlink(target, at);
    give(at, maker);
  }
  /// "root" or "nobody": who acts there; or why not.
  string who(const fs::path& path, LastLink last = LastLink::followed) const {
    auto found = find_place(path.string(), &user, last);
    return !found ? found.error().why() : found->as != nullptr ? found->as->name : "root";
  }
  string path_of(const fs::path& path) const {
    auto found = find_place(path.string(), &user);
    return found ? found->path : "";
  }
  string opening(const fs::path& path, int flags = O_RDWR) const {
    auto found = find_place(path.string(), &user);
    if (!found) return found.error().why();
    auto file = open_file(*found, flags);
    return file ? "" : file.error().why();
  }
};

TEST_F(FilePlaces, ADirectoryOfRootsIsRoots) {
  EXPECT_EQ("root", who(own / "x"));
  EXPECT_EQ("root", who("/etc/x"));
  EXPECT_EQ("root", who("/dev/null"));
  EXPECT_EQ("root", who("/dev/stdout"));
}

TEST_F(FilePlaces, WhatAnotherMayChangeIsTheUsers) {
  EXPECT_EQ("nobody", who(theirs / "x"));
  EXPECT_EQ("nobody", who("/tmp/x"));
  give(own, kOther);
  EXPECT_EQ("nobody", who(own / "x")) << "a third one's";
  give(own, 0);
  ASSERT_EQ(0, chmod(own.c_str(), 0777));
  EXPECT_EQ("nobody", who(own / "x"));
}

TEST_F(FilePlaces, AGroupThatMayWriteCountsWhereTheUserIsInIt) {
  ASSERT_EQ(0, chmod(own.c_str(), 0775));
  EXPECT_EQ("root", who(own / "x"));
  ASSERT_EQ(0, chown(own.c_str(), 0, kNobody));
  EXPECT_EQ("nobody", who(own / "x"));
}

TEST_F(FilePlaces, BehindADirectoryOfTheUsersAllIsTheUsersButTheHome) {
  for (const char* name : {"roots", "roots/inner"}) {
    fs::create_directory(theirs / name);
    ASSERT_EQ(0, chmod((theirs / name).c_str(), 0755));
  }
  EXPECT_EQ("nobody", who(theirs / "roots/inner/x"));
  struct stat st {};
  ASSERT_EQ(0, stat((theirs / "roots").c_str(), &st));
  user.home_device = st.st_dev, user.home_inode = st.st_ino;
  EXPECT_EQ("root", who(theirs / "roots/inner/x"));
  EXPECT_EQ("nobody", who(theirs / "roots/../x"));
}

TEST_F(FilePlaces, RootsLinkInRootsDirectoryIsFollowedAsRoot) {
  link(own / "link", "real", 0);
  link(own / "away", place / "own/./link", 0);
  EXPECT_EQ("root", who(own / "away"));
  EXPECT_EQ((own / "real").string(), path_of(own / "away"));
  link(own / "there", theirs / "x", 0);
  EXPECT_EQ("nobody", who(own / "there")) << "where it leads to is the user's";
}

TEST_F(FilePlaces, TheUsersLinkLeadsToTheUsersOwnFilesAlone) {
  write_text(own / "roots", "", 0666);
  write_text(own / "nobodys", "");
  give(own / "nobodys", kNobody);
  link(theirs / "roots", own / "roots", kNobody);
  link(theirs / "nobodys", own / "nobodys", kNobody);
  link(theirs / "others", own / "nobodys", kOther);
  EXPECT_EQ("nobody", who(theirs / "nobodys"));
  EXPECT_EQ("", opening(theirs / "nobodys"));
  const string refused = "; it is followed to its maker's own files only";
  EXPECT_EQ("a link of nobody's leads to what belongs to root" + refused, opening(theirs / "roots"));
  EXPECT_EQ("a link of uid 65533's leads to what belongs to nobody" + refused, opening(theirs / "others"));
  EXPECT_EQ("nobody", who(theirs / "roots", LastLink::kept));
}

TEST_F(FilePlaces, TheUsersLinkToADirectoryOfRootsIsRefused) {
  link(theirs / "d", own, kNobody);
  EXPECT_NE(string::npos, who(theirs / "d/x").find("a link of nobody's leads to what belongs to root"));
}

TEST_F(FilePlaces, NothingIsMadeWhereAnothersLinkLed) {
  link(theirs / "link", theirs / "made", kOther);
  EXPECT_EQ("No such file or directory", opening(theirs / "link", O_RDWR | O_CREAT));
  EXPECT_FALSE(fs::exists(theirs / "made"));
  link(theirs / "own", "made", kNobody);
  EXPECT_EQ("", opening(theirs / "own", O_RDWR | O_CREAT));
}

TEST_F(FilePlaces, TheUsersLinkIntoProcLeadsToNothingThatThisProcessHasOpen) {
  link(theirs / "link", "/proc/self/fd/0", kNobody);
  EXPECT_EQ("Too many levels of symbolic links", who(theirs / "link"));
}

TEST_F(FilePlaces, LinksInACircleEnd) {
  link(theirs / "a", "b", kNobody);
  link(theirs / "b", "a", kNobody);
  EXPECT_EQ("Too many levels of symbolic links", who(theirs / "a"));
}

TEST_F(FilePlaces, MissingDirectoriesAreMadeByWhoeverTheyLieWith) {
  ASSERT_TRUE(find_place((theirs / "a/b/x").string(), &user, LastLink::followed, Parents::made));
  struct stat st {};
  ASSERT_EQ(0, stat((theirs / "a/b").c_str(), &st));
  EXPECT_EQ(kNobody, st.st_uid);
  EXPECT_EQ(0700u, st.st_mode & 07777);
  ASSERT_TRUE(find_place((own / "a/b/x").string(), &user, LastLink::followed, Parents::made));
  ASSERT_EQ(0, stat((own / "a/b").c_str(), &st));
  EXPECT_EQ(0u, st.st_uid);
}

TEST_F(FilePlaces, WhatTheUserMayNotDoSaysSo) {
  ASSERT_EQ(0, chmod(own.c_str(), 0700));
  fs::create_directory(theirs / "closed");
  ASSERT_EQ(0, chmod((theirs / "closed").c_str(), 0700));
  auto found = find_place((theirs / "closed/x").string(), &user);
  ASSERT_FALSE(found);
  EXPECT_EQ(
      "/x as nobody: Permission denied; give that user the right to it, or choose a directory that only "
      "root may write",
      trouble_at("/x", found.error()));
}

}  // namespace
}  // namespace keeper
