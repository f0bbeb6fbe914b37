// A watched file: rewritten, replaced, reached through links.
#include "keeper/watch/file_watch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "tests/edges/support/place.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;
using Places = std::set<std::pair<string, string>>;

class FileWatchTest : public testing::Test {
 protected:
  string in(const string& name) const { return (place_.path() / name).string(); }
  void write(const string& name, const string& text) { std::ofstream(in(name)) << text; }
  void begin(const string& name, FileWatch::By by = FileWatch::By::events) {
    auto made = FileWatch::make(io_, in(name), by, [this] { ++changes_; });
    ASSERT_TRUE(made) << made.error().text();
    watch_ = std::move(*made);
  }
  /// Everything that has happened so far is seen.
  void settle() { io_.restart(), io_.poll(); }
  bool changed(int before) {
    return eventually([&] { return changes_ > before; }, [this] { settle(); });
  }

  Place place_;
  asio::io_context io_;
  int changes_ = 0;
  std::unique_ptr<FileWatch> watch_;
};

TEST_F(FileWatchTest, ReportsAFileThatIsRewritten) {
  write("app.js", "one");
  begin("app.js");
  write("app.js", "another");
  EXPECT_TRUE(changed(0));
}

TEST_F(FileWatchTest, LooksNowAndThenWhereItIsToTakeNoInotifyInstance) {
  write("app.js", "one");
  begin("app.js", FileWatch::By::looks);
  write("app.js", "another");
  EXPECT_TRUE(changed(0));
}

/// A link that the program's user puts in the place of the file tells that user nothing of another's files.
TEST_F(FileWatchTest, SeesOfAPathThatItsUserMayChooseWhatThatUserSees) {
  NEEDS_ROOT();
  ASSERT_EQ(0, chmod(in("").c_str(), 0755));
  fs::create_directory(in("theirs"));
  ASSERT_EQ(0, chown(in("theirs").c_str(), kNobody, kNobody));
  fs::create_directory(in("roots"));
  ASSERT_EQ(0, chmod(in("roots").c_str(), 0700));
  write("roots/app.js", "one");
  fs::create_symlink(in("roots/app.js"), in("theirs/app.js"));
  const ActingUser user = acting_user("nobody:65534:65534:65534:/:/bin/sh");
  auto made = FileWatch::make(
      io_, in("theirs/app.js"), FileWatch::By::events, [this] { ++changes_; }, &user);
  ASSERT_TRUE(made) << made.error().text();
  watch_ = std::move(*made);
  write("roots/app.js", "another");
  settle();
  EXPECT_EQ(0, changes_);
  fs::remove(in("theirs/app.js"));
  write("theirs/app.js", "the user's");
  EXPECT_TRUE(changed(0));
}

TEST_F(FileWatchTest, ReportsAFileThatIsReplacedByARenameAgainAndAgain) {
  write("app.js", "one");
  begin("app.js");
  for (int i = 0; i < 3; ++i) {
    int before = changes_;
    write("new", "version " + std::to_string(i));
    fs::rename(in("new"), in("app.js"));
    EXPECT_TRUE(changed(before)) << i;
  }
}

TEST_F(FileWatchTest, ReportsALinkThatPointsElsewhereNow) {
  fs::create_directories(in("releases/1"));
  fs::create_directories(in("releases/2"));
  write("releases/1/app.js", "one");
  write("releases/2/app.js", "two");
  fs::create_symlink("releases/1", in("current"));
  begin("current/app.js");
  fs::create_symlink("releases/2", in("next"));
  fs::rename(in("next"), in("current"));
  ASSERT_TRUE(changed(0));
  int before = changes_;
  write("releases/1/app.js", "nobody looks there any more");
  settle();
  EXPECT_EQ(changes_, before);
  write("releases/2/app.js", "three");
  EXPECT_TRUE(changed(before));
}

TEST_F(FileWatchTest, ReportsWhatALinkPointsTo) {
  fs::create_directories(in("lib"));
  write("lib/app.js", "one");
  fs::create_symlink(in("lib/app.js"), in("app"));
  begin("app");
  write("lib/app.js", "another");
  EXPECT_TRUE(changed(0));
}

TEST_F(FileWatchTest, PassesOverOtherFilesAndAFileThatIsGone) {
  write("app.js", "one");
  begin("app.js");
  write("app.log", "a line");
  write("other.js", "text");
  settle();
  EXPECT_EQ(changes_, 0);
  fs::remove(in("app.js"));
  settle();
  EXPECT_EQ(changes_, 0);
  write("app.js", "back again");
  EXPECT_TRUE(changed(0));
}

TEST_F(FileWatchTest, ReportsADirectoryThatIsReplacedAndWhatHappensInItThen) {
  for (const string where : {"app/bin", "app"}) {
    fs::create_directories(in("app/bin"));
    fs::create_directories(in("new/bin"));
    write("app/bin/run", "one");
    write("new/bin/run", "another");
    begin("app/bin/run");
    string next = where == "app" ? "new" : "new/bin";
    int before = changes_;
    fs::rename(in(where), in("old"));
    settle();
    fs::rename(in(next), in(where));
    ASSERT_TRUE(changed(before)) << where;
    before = changes_;
    write("app/bin/run", "rewritten in its new place");
    EXPECT_TRUE(changed(before)) << where;
    for (const char* each : {"app", "old", "new"})
      fs::remove_all(in(each));
  }
}

TEST_F(FileWatchTest, ReportsADirectoryThatWasRemovedAndMadeAgain) {
  fs::create_directories(in("app"));
  write("app/run", "one");
  begin("app/run");
  fs::remove_all(in("app"));
  settle();
  EXPECT_EQ(changes_, 0);
  fs::create_directories(in("app"));
  settle();
  write("app/run", "two");
  EXPECT_TRUE(changed(0));
}

TEST_F(FileWatchTest, FindsThePlacesOfAPath) {
  string root = fs::canonical(place_.path()).string();
  fs::create_directories(in("a/b"));
  write("a/b/file", "");
  fs::create_symlink("a", in("one"));
  fs::create_symlink("../one/b/./file", in("a/two"));
  Places above = places_of(root);
  auto with = [&](Places more) {
    more.insert(above.begin(), above.end());
    return more;
  };
  EXPECT_EQ(places_of(root + "/a//b/file"), with({{root, "a"}, {root + "/a", "b"}, {root + "/a/b", "file"}}));
  EXPECT_EQ(
      places_of(root + "/one/two"),
      with({{root, "one"}, {root, "a"}, {root + "/a", "two"}, {root + "/a", "b"}, {root + "/a/b", "file"}}));
  fs::create_symlink("loop", in("loop"));
  EXPECT_EQ(places_of(root + "/loop"), with({{root, "loop"}}));
}

}  // namespace
}  // namespace keeper
