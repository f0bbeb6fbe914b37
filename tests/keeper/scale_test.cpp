// More or fewer instances of an app that runs.
#include <signal.h>

#include <thread>

#include "tests/keeper/support/http.hpp"

namespace keeper {
namespace {

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

TEST(Scale, WorksWithAnyProgram) {
  Sandbox box;
  box.detach("job", {"sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"scale", "job", "+1"}).code);
  EXPECT_EQ("running", box.state("job:1"));
  ASSERT_EQ(0, box.ctl({"scale", "job", "-1"}).code);
  EXPECT_FALSE(box.status("job:1"));
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
