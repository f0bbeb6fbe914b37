#include "keeper/app/stop_wish.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

TEST(StopWish, IsReadAsItIsWritten) {
  for (const char* by : {"stop", "restart", "scale"}) {
    const StopWish wish{by, 4711, 4294967295u, 12};
    const auto read = StopWish::parse(wish.text());
    ASSERT_TRUE(read) << wish.text();
    EXPECT_EQ(by, read->by);
    EXPECT_EQ(4711, read->pid);
    EXPECT_EQ(4294967295u, read->uid);
    EXPECT_EQ(12, read->left_by);
    EXPECT_EQ(std::string::npos, wish.text().find(' ')) << "it is a word of the role's text";
  }
}

TEST(StopWish, IsNoOtherText) {
  for (const char* text : {"", "stop", "stop:1:2", "stop:1:2:", "stop:x:2:3", "stop:1:-2:3", "stop:1:2:3x",
                           "start:1:2:3", "stop:99999999999:2:3", ":1:2:3"})
    EXPECT_FALSE(StopWish::parse(text)) << text;
}

TEST(StopWish, HasTheCauseOfItsCommand) {
  EXPECT_EQ(Cause::stop, (StopWish{"stop"}.cause()));
  EXPECT_EQ(Cause::restart, (StopWish{"restart"}.cause()));
  EXPECT_EQ(Cause::scale, (StopWish{"scale"}.cause()));
}

}  // namespace
}  // namespace keeper
