// What somebody may have put into a home, before it was closed or as its owner's slip: links out of it,
// FIFOs, files and directories of other users, names with slashes. Nothing outside is read, written or talked
// to, and whoever meets it says what is wrong and where.
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

struct Attack : testing::Test {
  Sandbox box;
  fs::path outside = box.root() / "outside";  ///< what is to stay as it is

  Attack() { fs::create_directory(outside); }

  fs::path app(const char* file = "") const { return box.home() / "apps/app" / file; }
  fs::path socket() const { return box.home() / "sock/app.sock"; }

  /// An app that has run: its record is there, and nobody keeps it.
  void make_app() {
    box.detach("app", {"sleep", "1000"});
    ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  }
  Outcome keep() { return box.keeper({"-d", "-n", "app", "--start-secs", "0", "sleep", "1000"}); }

  /// It is not started anew, nor from its record; both say why, and nothing is left running.
  void expect_refused(const string& why) {
    for (const Outcome& out : {keep(), box.ctl({"start", "app"})}) {
      EXPECT_NE(0, out.code) << out.all();
      EXPECT_TRUE(has(out.err, why)) << out.all();
    }
    EXPECT_TRUE(eventually([&] { return box.processes().empty(); }));
  }
};

void replace_by_link(const fs::path& what, const fs::path& target) {
  fs::remove_all(what);
  fs::create_symlink(target, what);
}

TEST_F(Attack, ADirectoryOfAnAppThatIsALinkIsNotEntered) {
  make_app();
  fs::rename(app(), outside / "app");
  fs::create_symlink(outside / "app", box.home() / "apps/app");
  string before = read_text(outside / "app/spec.json");
  Outcome out = keep();
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "cannot lock " + app().parent_path().string()) &&
              has(out.err, "is a symbolic link; remove it"))
      << out.err;
  EXPECT_EQ(4, box.ctl({"show", "app"}).code);
  EXPECT_EQ(4, box.ctl({"delete", "app"}).code);
  EXPECT_EQ(before, read_text(outside / "app/spec.json"));
}

TEST_F(Attack, ARoomThatIsALinkIsNotEntered) {
  for (const char* room : {"apps", "sock", "logs"}) {
    make_app();
    replace_by_link(box.home() / room, outside);
    Outcome out = keep();
    EXPECT_EQ(1, out.code) << room;
    EXPECT_TRUE(has(out.err, "/" + string(room) + " is a symbolic link; remove it")) << out.err;
    EXPECT_TRUE(fs::is_empty(outside)) << room;
    fs::remove(box.home() / room);
  }
}

TEST_F(Attack, ASpecThatIsALinkIsNotReadAndIsReplacedNotFollowed) {
  make_app();
  write_text(outside / "spec", read_text(app("spec.json")));
  string before = read_text(outside / "spec");
  replace_by_link(app("spec.json"), outside / "spec");
  Outcome out = box.ctl({"start", "app"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, app("spec.json").string() + ": it is a symbolic link")) << out.err;
  ASSERT_EQ(0, keep().code);
  EXPECT_FALSE(fs::is_symlink(app("spec.json")));
  EXPECT_EQ(before, read_text(outside / "spec"));
}

TEST_F(Attack, ALinkToNowhereInThePlaceOfARecordMakesNoFileThere) {
  make_app();
  for (const char* record : {"spec.json", "status.json", "pid"})
    replace_by_link(app(record), outside / record);
  ASSERT_EQ(0, keep().code);
  EVENTUALLY(read_text(app("pid")) == std::to_string(box.pid("app")) + "\n");
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  EXPECT_TRUE(fs::is_empty(outside));
  EXPECT_FALSE(fs::is_symlink(app("status.json")));
}

TEST_F(Attack, AStatusThatIsALinkIsNotBelieved) {
  make_app();
  write_text(outside / "status", read_text(app("status.json")));
  replace_by_link(app("status.json"), outside / "status");
  EXPECT_FALSE(has(box.ctl({"list", "--json"}).out, "\"version\":\"0"));
}

TEST_F(Attack, ALockThatIsALinkOrAFifoIsNone) {
  make_app();
  write_text(outside / "lock", "");
  replace_by_link(app("lock"), outside / "lock");
  expect_refused(app("lock").string() + " is a symbolic link; remove it");
  fs::remove(app("lock"));
  ASSERT_EQ(0, mkfifo(app("lock").c_str(), 0600));
  expect_refused(app("lock").string() + " is no regular file; remove it");
  fs::remove(app("lock"));
  ASSERT_EQ(0, keep().code);
}

// --- in the place of a socket

/// A server somewhere else, that would hear of it.
Fd listen_at(const fs::path& path) {
  Fd out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(0, bind(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
  EXPECT_EQ(0, listen(out.get(), 8));
  return out;
}

TEST_F(Attack, ALinkInThePlaceOfASocketIsNotTalkedTo) {
  box.detach("app", {"sleep", "1000"});
  Fd elsewhere = listen_at(outside / "s");
  const int keeper = box.keeper_pid("app");
  kill(keeper, SIGSTOP);  // or it would put its own there again
  fs::rename(socket(), outside / "real");
  fs::create_symlink(outside / "s", socket());
  Outcome out = box.ctl({"stop", "app", "--timeout", "1s"});
  EXPECT_NE(0, out.code);
  EXPECT_TRUE(has(out.err, socket().string() + " is a symbolic link; remove it")) << out.err;
  EXPECT_EQ(-1, accept(elsewhere.get(), nullptr, nullptr)) << "somebody connected";
  kill(keeper, SIGCONT);
  EVENTUALLY(box.state("app") == "running");
  EXPECT_FALSE(fs::is_symlink(socket())) << "it has its own again";
  EXPECT_EQ(0, box.ctl({"stop", "app"}).code);
}

TEST_F(Attack, ADirectoryOfSocketsThatIsALinkIsNotTalkedThrough) {
  box.detach("app", {"sleep", "1000"});
  fs::rename(box.home() / "sock", outside / "sock");
  fs::create_symlink(outside / "sock", box.home() / "sock");
  Outcome out = box.ctl({"stop", "app", "--timeout", "1s"});
  EXPECT_NE(0, out.code);
  EXPECT_TRUE(has(out.err, "/sock is a symbolic link; remove it")) << out.err;
  EXPECT_TRUE(alive(std::atoi(read_text(app("pid")).c_str())));
  fs::remove(box.home() / "sock");
  fs::rename(outside / "sock", box.home() / "sock");
}

TEST_F(Attack, WhatIsNoSocketIsReplacedAtAStartAndMakesNobodyWait) {
  make_app();
  for (const char* kind : {"file", "fifo", "link"}) {
    if (kind == string("file")) write_text(socket(), "text");
    if (kind == string("fifo")) {
      ASSERT_EQ(0, mkfifo(socket().c_str(), 0600));
    }
    if (kind == string("link")) fs::create_symlink(outside / "s", socket());
    EXPECT_TRUE(has(box.ctl({"list"}).out, "stopped")) << kind;
    EXPECT_TRUE(has(box.ctl({"stop", "app"}).all(), "not running")) << kind;
    ASSERT_EQ(0, keep().code) << kind;
    struct stat at {};
    ASSERT_EQ(0, lstat(socket().c_str(), &at));
    EXPECT_TRUE(S_ISSOCK(at.st_mode)) << kind;
    EXPECT_EQ(0600u, at.st_mode & 07777) << kind;
    ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  }
  EXPECT_TRUE(fs::is_empty(outside));
}

// --- of another user

void give_away(const fs::path& what) {
  ASSERT_EQ(0, lchown(what.c_str(), kNobody, kNobody));
}

TEST_F(Attack, WhatBelongsToAnotherUserIsRefused) {
  NEEDS_ROOT();
  make_app();
  const string whose = " belongs to nobody (uid 65534), not to root (uid 0); remove it";
  for (const fs::path& what :
       {box.home() / "apps", box.home() / "sock", box.home() / "logs", app().parent_path(), app("lock")}) {
    give_away(what);
    Outcome out = keep();
    EXPECT_EQ(1, out.code) << what;
    EXPECT_TRUE(has(out.err, what.string() + whose)) << out.err;
    ASSERT_EQ(0, lchown(what.c_str(), 0, 0));
  }
  give_away(app("spec.json"));  // it would say what root is to run
  Outcome out = box.ctl({"start", "app"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, app("spec.json").string() + ": it" + whose)) << out.err;
  EXPECT_TRUE(eventually([&] { return box.processes().empty(); }));
}

TEST_F(Attack, ASocketOfAnotherUserIsNotTalkedTo) {
  NEEDS_ROOT();
  box.detach("app", {"sleep", "1000"});
  give_away(socket());
  Outcome out = box.ctl({"stop", "app", "--timeout", "1s"});
  EXPECT_NE(0, out.code);
  EXPECT_TRUE(has(out.err, socket().string() + " belongs to nobody (uid 65534)")) << out.err;
  ASSERT_EQ(0, lchown(socket().c_str(), 0, 0));
}

// --- names

TEST_F(Attack, NoNameLeadsOutOfTheHome) {
  make_app();
  for (const char* name :
       {"../app", "..", ".", "a/b", "/etc", "apps/../../x", "app/", "", "-x", ".app", "all", "7"}) {
    EXPECT_EQ(2, box.keeper({"-d", "-n", name, "--start-secs", "0", "sleep", "1000"}).code) << name;
    EXPECT_EQ(2, box.keeper({"--start", name}).code) << name;
  }
  for (const char* name : {"../app", "..", "a/b", "/etc", "app/", "app:1/../x"})
    for (const char* command : {"stop", "start", "delete", "logs", "show", "flush"})
      EXPECT_EQ(2, box.ctl({command, "--", name}).code) << command << " " << name;
  EXPECT_FALSE(fs::exists(box.root() / "app"));
  EXPECT_TRUE(fs::exists(app("spec.json")));
}

TEST_F(Attack, ARecordIsOfTheAppThatItsDirectoryNames) {
  make_app();
  string text = read_text(app("spec.json"));
  auto at = text.find("\"app\"");
  ASSERT_NE(string::npos, at);
  write_text(app("spec.json"), text.replace(at, 5, "\"../../outside/x\""));
  ASSERT_EQ(0, box.ctl({"start", "app"}).code);
  EXPECT_EQ("app", box.status("app")->name);
  EXPECT_TRUE(has(read_text("/proc/" + std::to_string(box.pid("app")) + "/environ"),
                  string("KEEPER_NAME=app\0", 16)));
  EXPECT_TRUE(fs::is_empty(outside));
}

TEST_F(Attack, AllThatIsMadeIsForItsOwnerAloneWhateverTheMask) {
  Start how{{program("keeper"), "-d", "-n", "app", "--start-secs", "0", "--log-format", "time", "sh", "-c",
             "echo x; exec sleep 1000"}};
  how.before = [] { umask(0); };
  ASSERT_EQ(0, box.run(how).code);
  EVENTUALLY(box.logged("app", " x\n"));
  EVENTUALLY(fs::exists(app("pid")) && fs::exists(app("status.json")));
  auto mode_of = [](const fs::path& path) {
    struct stat at {};
    EXPECT_EQ(0, lstat(path.c_str(), &at)) << path;
    return at.st_mode & 07777;
  };
  EXPECT_EQ(0700u, mode_of(box.home()));
  for (const auto& entry : fs::recursive_directory_iterator(box.home()))
    EXPECT_EQ(entry.is_directory() ? 0700u : 0600u, mode_of(entry.path())) << entry.path();
}

}  // namespace
}  // namespace keeper
