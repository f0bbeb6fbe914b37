// More or fewer instances of an app that runs.
#include <signal.h>

#include <thread>

#include "tests/keeper/support/http.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

const string kServes = CHILD_SCRIPTS "/serves.js";

TEST(Scale, AddsInstancesThatShareThePort) {
  Sandbox box;
  box.detach("api", {"--cluster", "--ready", "node", kServes, "0", "ready"});
  const int port = port_of(box, "api");
  Outcome out = box.ctl({"scale", "api", "3"});
  ASSERT_EQ(0, out.code) << out.all();
  EXPECT_EQ(port, port_of(box, "api:1"));
  EXPECT_EQ(port, port_of(box, "api:2"));
  EXPECT_EQ("2", listening(box, "api:2")["instance"].get<string>());
  Outcome same = box.ctl({"scale", "api", "3"});
  EXPECT_EQ(0, same.code);
  EXPECT_TRUE(has(same.out, "has 3 already")) << same.all();
  ASSERT_EQ(0, box.ctl({"stop", "api:1"}).code);
  ASSERT_EQ(0, box.ctl({"scale", "api", "+1"}).code);
  EXPECT_EQ("running", box.state("api:1")) << "the lowest number that is free";
}

TEST(Scale, OfWorkersThatLeaveLosesNoRequest) {
  Sandbox box;
  box.detach("api", {"-i", "3", "--stop-timeout", "20s", kServes, "0"});
  const int port = port_of(box, "api");
  listening(box, "api:1"), listening(box, "api:2");
  const int leaving = box.pid("api:2");
  std::vector<std::thread> slow;
  std::atomic<int> answered{0};
  for (int i = 0; i < 24; ++i)
    slow.emplace_back([&] { answered += get(port, "/slow").empty() ? 0 : 1; });
  Asking asking(port);
  EVENTUALLY(asking.asked() > 5);
  Outcome out = box.ctl({"scale", "api", "-1"});
  ASSERT_EQ(0, out.code) << out.all();
  asking.end();
  for (std::thread& one : slow)
    one.join();
  EXPECT_EQ(24, answered) << "what the leaving one had is answered";
  EXPECT_EQ(0, asking.failed());
  EXPECT_FALSE(alive(leaving));
  EXPECT_FALSE(box.status("api:2")) << "it is forgotten";
  EXPECT_TRUE(box.logged("api:2", "ended with code 0")) << box.log("api:2");
  EXPECT_EQ("running", box.state("api"));
  EXPECT_EQ("running", box.state("api:1"));
}

TEST(Scale, OneThatDoesNotEndWhenItHasLeftIsEnded) {
  Sandbox box;
  const auto script = box.work() / "stays.js";
  write_text(script,
             "setInterval(() => {}, 1000); require('http').createServer().listen(0, function () {"
             "console.log('listening {\"at\":' + JSON.stringify(this.address()) + '}'); })");
  box.detach("api", {"-i", "2", "--stop-timeout", "30s", script.string()});
  listening(box, "api:1");
  Outcome out = box.ctl({"scale", "api", "1"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_LT(out.took, Millis(15'000));
  EXPECT_FALSE(box.status("api:1"));
}

// It would take milliseconds, of every reload too.
TEST(Scale, AWorkerThatLeavesLoadsNothingForIt) {
  Sandbox box;
  const auto script = box.work() / "says.js";
  write_text(
      script,
      "require('http').createServer().listen(0, function () {"
      "console.log('listening {\"at\":' + JSON.stringify(this.address()) + '}'); });"
      "const loaded = () => process.moduleLoadList.filter((one) => one.startsWith('NativeModule')).length;"
      "let before = 0; setTimeout(() => { before = loaded(); console.log('waits'); }, 50);"
      "process.on('exit', () => console.log('loaded', loaded() - before, 'more'));");
  box.detach("api", {"-i", "2", script.string()});
  EVENTUALLY(box.logged("api:1", "waits\n"));
  EXPECT_EQ(0, box.ctl({"scale", "api", "1"}).code);
  EXPECT_TRUE(box.logged("api:1", "loaded 0 more\n")) << box.log("api:1");
}

TEST(Scale, WorksWithAnyProgram) {
  Sandbox box;
  box.detach("job", {"sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"scale", "job", "+1"}).code);
  EXPECT_EQ("running", box.state("job:1"));
  ASSERT_EQ(0, box.ctl({"scale", "job", "-1"}).code);
  EXPECT_FALSE(box.status("job:1"));
}

TEST(Scale, ThoseThatRanBeforeHearHowManyThereAre) {
  Sandbox box;
  box.detach("job", {"--log-format", "json", "sh", "-c", "while read -r line; do :; done; exec sleep 1000"});
  const Home home = box.open_home();
  EXPECT_EQ(std::nullopt, box.status("job")->instance);
  ASSERT_EQ(0, box.ctl({"scale", "job", "3"}).code);
  for (const int instance : {0, 1, 2}) {
    const string stem = file_stem("job", instance);
    EXPECT_EQ(instance, box.status(stem)->instance) << stem;
    EXPECT_EQ(3, home.read_spec(stem)->instances) << stem;
  }
  EXPECT_EQ(0, box.ctl({"restart", "job:0"}).code);
  EXPECT_TRUE(box.logged("job", R"("name":"job","instance":0,)")) << box.log("job");
  ASSERT_EQ(0, box.ctl({"stop", "job:2"}).code);
  ASSERT_EQ(0, box.ctl({"delete", "job:2"}).code);
  Outcome late = box.ctl({"wait", "job:ready", "--timeout", "200ms"});
  EXPECT_EQ(5, late.code) << "two of three" << late.all();

  ASSERT_EQ(0, box.ctl({"scale", "job", "1"}).code);
  EXPECT_EQ(std::nullopt, box.status("job")->instance);
  EXPECT_EQ(1, home.read_spec("job")->instances);
  EXPECT_EQ(0, box.ctl({"restart", "job:0"}).code);
  const auto lines = lines_of(box.log("job"));
  EXPECT_FALSE(has(lines.back(), "instance")) << lines.back();
}

TEST(Scale, TheirNumberOutlivesAKeeper) {
  Sandbox box;
  box.detach("job", {"sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"scale", "job", "2"}).code);
  const int before = box.keeper_pid("job");
  kill(before, SIGKILL);
  EVENTUALLY(box.keeper_pid("job") != before && box.keeper_pid("job") > 0);
  EXPECT_EQ(0, box.status("job")->instance);
}

// The spec that is put back is of before.
TEST(Scale, DuringAReloadThatFailsIsNotForgotten) {
  Sandbox box;
  box.detach("job", {"--ready", "fd:3", "--ready-timeout", "20s", "sh", "-c",
                     "[ -e first ] || { touch first; echo >&3; exec sleep 1000; }; touch second; "
                     "while ! [ -e go ]; do sleep 0.01; done; exit 1"});
  Background reload = box.start({{program("ctl"), "reload", "job", "--env", "LEVEL=1"}});
  EVENTUALLY(fs::exists(box.work() / "second"));
  fs::remove(box.work() / "first");
  ASSERT_EQ(0, box.ctl({"scale", "job", "2"}).code);
  write_text(box.work() / "go", "");
  EXPECT_EQ(1, reload.wait());
  EXPECT_EQ(0, box.status("job")->instance);
  const auto spec = box.open_home().read_spec("job");
  EXPECT_EQ(2, spec->instances);
  EXPECT_TRUE(spec->env.empty());
}

TEST(Scale, OfAnAppThatListensIsRefused) {
  Sandbox box;
  box.detach("web", {"--listen", "unix:" + (box.work() / "web.sock").string(), "sleep", "1000"});
  Outcome out = box.ctl({"scale", "web", "2"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "a second one cannot")) << out.err;
  EXPECT_FALSE(box.status("web:1"));
}

TEST(Scale, RefusesWhatCannotBe) {
  Sandbox box;
  EXPECT_EQ(4, box.ctl({"scale", "api", "2"}).code);
  box.detach("api", {"sleep", "1000"});
  for (const char* word : {"x", "", "+", "-", "1.5", "++1"})
    EXPECT_EQ(2, box.ctl({"scale", "api", word}).code) << word;
  for (const char* word : {"0", "-1", "1025"}) {
    Outcome out = box.ctl({"scale", "api", word});
    EXPECT_NE(0, out.code) << word;
    EXPECT_TRUE(has(out.err, "cannot ")) << out.err;
  }
  box.ctl({"stop", "api"});
  EXPECT_EQ(3, box.ctl({"scale", "api", "2"}).code);
}

}  // namespace
}  // namespace keeper
