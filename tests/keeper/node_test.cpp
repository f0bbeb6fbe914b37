// A node program and its keeper: what child_process.fork() gives a program, it has here.
#include <signal.h>

#include <nlohmann/json.hpp>

#include "tests/keeper/support/follower.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

const string kTalks = CHILD_SCRIPTS "/talks.js";

/// Has children/talks.js do something.
void have(Sandbox& box, const string& json) {
  Outcome out = box.ctl({"send", "api", json});
  ASSERT_EQ(0, out.code) << out.all();
}

void start(Sandbox& box, Words options = {}, Words words = {}) {
  options.push_back(kTalks);
  options.insert(options.end(), words.begin(), words.end());
  box.detach("api", options);
  ASSERT_TRUE(eventually([&] { return box.logged("api", "connected true"); })) << box.log("api");
}

TEST(Node, ProgramsTalkWithWhoeverListens) {
  Sandbox box;
  start(box);
  Follower follower(box);
  ASSERT_TRUE(follower.comes("api", "now"));
  Outcome out = box.ctl({"send", "api", R"({"do":"echo","what":[1,"zwei",null]})"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.out, "sent to api (pid " + std::to_string(box.pid("api")) + ")")) << out.all();
  EXPECT_TRUE(follower.says("api", "message", R"({"echo":[1,"zwei",null]})")) << follower.all();
  EXPECT_EQ(box.pid("api"), follower.last().pid);
  EXPECT_EQ(box.status("api")->run, follower.last().run);
  EXPECT_TRUE(box.logged("api", R"(got {"do":"echo","what":[1,"zwei",null]})"));
}

TEST(Node, ProgramsFindTheChannelAndNothingElseOfIt) {
  Sandbox box;
  box.detach("api",
             {"--", "node", "-e",
              "const fs = require('fs');"
              "console.log('fds ' + fs.readdirSync('/proc/self/fd').filter(n => n < 6));"
              "console.log('env ' + Object.keys(process.env).filter(k => k.startsWith('NODE_CHANNEL')));"
              "const own = require('child_process').spawnSync('ls', ['/proc/self/fd']);"
              "console.log('child ' + String(own.stdout).split('\\n').filter(Boolean).length);"
              "process.on('message', () => {}); setInterval(() => {}, 1000)"});
  EVENTUALLY(box.logged("api", "child "));
  EXPECT_TRUE(box.logged("api", "env \n")) << box.log("api");
  EXPECT_TRUE(box.logged("api", "child 4\n")) << "0, 1, 2 and the directory: " << box.log("api");
}

TEST(Node, HasAChannelByWhateverWordItIsRun) {
  Sandbox box;
  const fs::path script = box.work() / "by-line";
  write_text(
      script,
      "#!/usr/bin/env node\nconsole.log('connected ' + process.connected); setInterval(() => {}, 1e3)\n",
      0700);
  box.detach("line", {script.string()});
  box.detach("word", {"node", script.string()});
  EVENTUALLY(box.logged("line", "connected true"));
  EVENTUALLY(box.logged("word", "connected true"));
  box.detach("none", {"--no-ipc", script.string()});
  EVENTUALLY(box.logged("none", "connected undefined"));
  box.detach("other", {"--", "sh", "-c", "echo channel=$NODE_CHANNEL_FD.; exec sleep 1000"});
  EVENTUALLY(box.logged("other", "channel=."));
  Outcome out = box.ctl({"send", "other", "1"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "cannot send to other") || has(out.err, "cannot send other")) << out.err;
  EXPECT_TRUE(has(out.err, "only a program that node runs")) << out.err;
}

TEST(Node, ProgramsThatDoNotListenEndWhenTheyAreDone) {
  Sandbox box;
  box.detach("api", {"--restart", "never", "--start-secs", "0", "--", "node", "-e",
                     "setTimeout(() => console.log('done'), 50)"});
  EVENTUALLY(box.state("api") == "exited");
  EXPECT_TRUE(box.logged("api", "done"));
}

TEST(Node, IsReadyWhenItSaysSo) {
  Sandbox box;
  Outcome late = box.keeper({"-d", "-n", "late", "--ready", "node", "--ready-timeout", "500ms", kTalks});
  EXPECT_EQ(1, late.code);
  EXPECT_TRUE(has(late.all(), "process.send('ready')")) << late.all();
  box.ctl({"stop", "late"});
  box.detach("api", {"--ready", "node", "--ready-timeout", "20s", kTalks, "ready"});
  EXPECT_EQ("running", box.state("api"));
  EXPECT_TRUE(box.status("api")->ready);
}

TEST(Node, WithoutAChannelCannotBeAskedForIt) {
  Sandbox box;
  for (const Words& words :
       {Words{"--ready", "node", "sleep", "9"}, Words{"--stop-message", "shutdown", "sleep", "9"},
        Words{"--no-ipc", "--ready", "node", kTalks}}) {
    Words all = words;
    all.insert(all.begin(), {"-d", "-n", "api"});
    Outcome out = box.keeper(all);
    EXPECT_EQ(2, out.code) << out.all();
    EXPECT_TRUE(has(out.err, "channel")) << out.err;
    EXPECT_FALSE(box.status("api"));
  }
}

TEST(Node, IsStoppedByItsMessage) {
  Sandbox box;
  start(box, {"--stop-message", "shutdown", "--stop-timeout", "20s"});
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_TRUE(box.logged("api", "got \"shutdown\"")) << box.log("api");
  EXPECT_FALSE(box.logged("api", "TERM"));
  EXPECT_EQ(ExitInfo::code(0), box.status("api")->last_exit->exit);
}

TEST(Node, ThatDoesNotHeedItsMessageGetsTheStopSignal) {
  Sandbox box;
  start(box, {"--stop-message", R"({"type":"stop"})", "--stop-timeout", "300ms"}, {"deaf"});
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  const string log = box.log("api");
  ASSERT_TRUE(has(log, R"(got {"type":"stop"})") && has(log, "TERM")) << log;
  EXPECT_LT(log.find("got {\"type"), log.find("TERM"));
}

TEST(Node, ThatHasClosedItsChannelGetsTheStopSignalAtOnce) {
  Sandbox box;
  start(box, {"--stop-message", "shutdown", "--stop-timeout", "20s"});
  Follower follower(box);
  ASSERT_TRUE(follower.comes("api", "now"));
  have(box, R"({"do":"disconnect"})");
  ASSERT_TRUE(follower.comes("api", "disconnected")) << follower.all();
  EVENTUALLY(box.logged("api", "disconnected"));
  Outcome out = box.ctl({"send", "api", "1"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "has closed its channel")) << out.err;
  EXPECT_EQ("running", box.state("api"));
  Outcome stop = box.ctl({"stop", "api"});
  EXPECT_EQ(0, stop.code);
  EXPECT_LT(stop.took, Millis(10'000));
  EXPECT_TRUE(box.logged("api", "TERM"));
}

TEST(Node, MayBeRudeWithoutHarm) {
  Sandbox box;
  start(box);
  Follower follower(box);
  ASSERT_TRUE(follower.comes("api", "now"));
  have(box, R"({"do":"rubbish"})");
  ASSERT_TRUE(follower.says("api", "message_dropped", "it was no JSON, or had more than 1000 levels"))
      << follower.all();
  have(box, R"({"do":"big","size":20000000})");
  ASSERT_TRUE(follower.says("api", "message_dropped", "it had more than 64 KiB")) << follower.all();
  EVENTUALLY(box.logged("api", "sent 20000000"));
  have(box, R"({"do":"half"})");
  have(box, R"({"do":"rest"})");
  EXPECT_TRUE(follower.says("api", "message", R"({"half":true})")) << follower.all();
  have(box, R"({"do":"handle"})");
  ASSERT_TRUE(follower.says("api", "message_dropped", "a handle came with it")) << follower.all();
  EXPECT_TRUE(follower.says("api", "message", R"("after the handle")")) << follower.all();
  EXPECT_EQ(0u, box.status("api")->restarts);
}

TEST(Node, ThatDoesNotReadIsSentNoMoreThanItCanHold) {
  Sandbox box;
  start(box);
  kill(box.pid("api"), SIGSTOP);
  const string message = '"' + string(60'000, 'm') + '"';
  Outcome out;
  int sent = 0;
  for (out = box.ctl({"send", "api", message}); out.code == 0 && sent < 100;
       out = box.ctl({"send", "api", message}))
    ++sent;
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "does not read what it was sent before")) << out.err;
  EXPECT_GT(sent, 0);
  kill(box.pid("api"), SIGCONT);
  EVENTUALLY(count_of(box.log("api"), "got \"mmm") == sent);
  have(box, R"({"do":"echo"})");
}

TEST(Node, MessagesThatCannotBeSentAreRefused) {
  Sandbox box;
  start(box);
  EXPECT_EQ(2, box.ctl({"send", "api", "reload"}).code) << "no JSON";
  EXPECT_EQ(2, box.ctl({"send", "api"}).code);
  EXPECT_EQ(4, box.ctl({"send", "nobody", "1"}).code);
  Outcome own = box.ctl({"send", "api", R"({"cmd":"NODE_CLUSTER","act":"disconnect"})"});
  EXPECT_EQ(1, own.code);
  EXPECT_TRUE(has(own.err, "node's own")) << own.err;
  Outcome large = box.ctl({"send", "api", '"' + string(65'537, 'm') + '"'});
  EXPECT_EQ(1, large.code);
  EXPECT_TRUE(has(large.err, "64 KiB")) << large.err;
  box.ctl({"stop", "api"});
  EXPECT_EQ(3, box.ctl({"send", "api", "1"}).code);
}

TEST(Node, LastWordsComeBeforeTheEnd) {
  Sandbox box;
  start(box);
  Follower follower(box);
  ASSERT_TRUE(follower.comes("api", "now"));
  have(box, R"({"do":"last"})");
  ASSERT_TRUE(follower.says("api", "message", R"("last words")")) << follower.all();
  EXPECT_TRUE(follower.comes("api", "exited")) << follower.all();
}

TEST(Node, NoticesNothingOfAKeeperOrGuardThatIsKilled) {
  Sandbox box;
  start(box);
  const int pid = box.pid("api");
  for (int i = 0; i < repeats(6); ++i) {
    have(box, i % 2 == 0 ? R"({"do":"half"})" : R"({"do":"rest"})");
    const int victim = i % 3 == 0 ? box.guard_pid("api") : box.keeper_pid("api");
    kill(victim, SIGKILL);
    EVENTUALLY(box.keeper_pid("api") > 0 && box.guard_pid("api") > 0 && box.keeper_pid("api") != victim &&
               box.guard_pid("api") != victim);
  }
  Follower follower(box);
  ASSERT_TRUE(follower.comes("api", "now"));
  have(box, R"({"do":"echo","what":"here still"})");
  EXPECT_TRUE(follower.says("api", "message", R"({"echo":"here still"})")) << follower.all();
  EXPECT_FALSE(box.logged("api", "disconnected"));
  EXPECT_EQ(pid, box.pid("api"));
}

TEST(Node, WhatItSaysWhileNobodyKeepsItComesLater) {
  Sandbox box;
  start(box);
  // Its second word is said when both halves are gone, and the message that tells it to was read before.
  box.detach(
      "late",
      {"--ready", "node", "--ready-timeout", "60s", "--no-wait", "--", "node", "-e",
       "process.on('SIGUSR2', () => process.send('ready')); process.on('SIGTERM', () => process.exit());"
       "console.log('up'); setInterval(() => {}, 1000)"});
  EVENTUALLY(box.logged("late", "up"));
  const int pid = box.pid("late");
  box.kill_keeper("late");
  kill(pid, SIGUSR2);
  Outcome out = box.ctl({"start", "late"});
  EXPECT_EQ(0, out.code) << out.all();
  EVENTUALLY(box.state("late") == "running");
  EXPECT_EQ(pid, box.pid("late")) << "the same program, whose channel was found with it";
}

TEST(Node, KeepsItsChannelWhenBothHalvesAreKilled) {
  Sandbox box;
  start(box);
  const int pid = box.pid("api");
  for (int i = 0; i < 3; ++i) {
    box.kill_keeper("api");
    ASSERT_EQ(0, box.ctl({"start", "api"}).code);
  }
  EXPECT_EQ(pid, box.pid("api"));
  Follower follower(box);
  ASSERT_TRUE(follower.comes("api", "now"));
  have(box, R"({"do":"echo","what":2})");
  EXPECT_TRUE(follower.says("api", "message", R"({"echo":2})")) << follower.all();
  EXPECT_FALSE(box.logged("api", "disconnected"));
}

TEST(Node, ANewRunHasAChannelOfItsOwn) {
  Sandbox box;
  start(box);
  Follower follower(box);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(0, box.ctl({"restart", "api"}).code);
    EVENTUALLY(count_of(box.log("api"), "connected true") == i + 2);
    have(box, R"({"do":"echo","what":)" + std::to_string(i) + "}");
    EXPECT_TRUE(follower.says("api", "message", R"({"echo":)" + std::to_string(i) + "}")) << follower.all();
  }
}

}  // namespace
}  // namespace keeper
