// Lists ask by datagrams, beside the connections (sock/NAME.ask), and do without where that cannot be.
#include <linux/close_range.h>
#include <signal.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;

fs::path ask_path(const Sandbox& box) {
  return box.home() / "sock/api.ask";
}

TEST(Asked, AListNeedsNoConnection) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  EVENTUALLY(fs::exists(ask_path(box)));
  const Home home = box.open_home();
  std::vector<Fd> connections;
  for (int i = 0; i < 64; ++i)  // as many as a keeper serves
    connections.push_back(std::move(*home.connect_socket("api")));
  const Outcome list = box.ctl({"list"});
  EXPECT_EQ(0, list.code) << list.all();
  EXPECT_TRUE(has(list.out, "running")) << list.all();
}

TEST(Asked, WithoutItsSocketAListConnects) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  EVENTUALLY(fs::exists(ask_path(box)));
  fs::remove(ask_path(box));
  EXPECT_EQ("running", box.state("api"));
  write_text(ask_path(box), "no socket");
  EXPECT_EQ("running", box.state("api"));
}

/// Nor where there are no sockets to be had for it.
TEST(Asked, WithFewDescriptorsAListConnects) {
  Sandbox box;
  for (const char* name : {"a", "b", "c"})
    box.detach(name, {"sleep", "1000"});
  Start how{{"sh", "-c", "ulimit -n 6; exec " + program("ctl") + " list"}};
  how.before = [] { close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); };
  const Outcome list = box.run(how);
  EXPECT_EQ(0, list.code) << list.all();
  EXPECT_EQ(3, count_of(list.out, "running")) << list.all();
}

TEST(Asked, NothingIsLeftOfIt) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  EVENTUALLY(fs::exists(ask_path(box)));
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_TRUE(fs::is_empty(box.home() / "sock"));
  // One that a killed keeper leaves is replaced, and goes with the rest.
  ASSERT_EQ(0, box.ctl({"start", "api"}).code);
  EVENTUALLY(fs::exists(ask_path(box)));
  box.kill_keeper("api");
  EXPECT_TRUE(fs::exists(ask_path(box)));
  ASSERT_EQ(0, box.ctl({"start", "api"}).code);
  EVENTUALLY(box.state("api") == "running");
  box.kill_keeper("api");
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  ASSERT_EQ(0, box.ctl({"delete", "api"}).code);
  EXPECT_TRUE(fs::is_empty(box.home() / "sock"));
}

}  // namespace
}  // namespace keeper
