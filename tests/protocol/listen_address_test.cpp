// Addresses at which a keeper listens for its program, as text and back.
#include "protocol/wire/listen_address.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

using std::string;

string again(const string& text) {
  auto address = ListenAddress::parse(text);
  return address ? address->text() : address.error().why();
}

TEST(ListenAddress, IsReadAndGivenBack) {
  for (const char* text : {"tcp:127.0.0.1:8080", "tcp:[::1]:8080", "tcp:8080", "web=tcp:8080",
                           "a.b_c-9=tcp:[::]:1", "unix:/run/a.sock", "unix:relative.sock", "unix:@api",
                           "web=unix:/a=b:c.sock", "unix:/run/a.sock,mode=660"})
    EXPECT_EQ(again(text), text);
}

TEST(ListenAddress, HasOneTextForEachPlace) {
  EXPECT_EQ(again("tcp:*:80"), "tcp:80");
  EXPECT_EQ(again("tcp:localhost:80"), "tcp:127.0.0.1:80");
  EXPECT_EQ(ListenAddress::parse("web=unix:/a,mode=600")->place(), "unix:/a");
}

TEST(ListenAddress, SaysWhatItIs) {
  auto web = ListenAddress::parse("web=tcp:[fe80::1]:443");
  ASSERT_TRUE(web);
  EXPECT_EQ(web->name, "web");
  EXPECT_EQ(web->host, "fe80::1");
  EXPECT_EQ(web->port, 443);
  EXPECT_FALSE(web->has_file());
  auto local = ListenAddress::parse("unix:/run/a.sock,mode=0660");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->path, "/run/a.sock");
  EXPECT_EQ(local->mode, 0660u);
  EXPECT_TRUE(local->has_file());
  EXPECT_FALSE(ListenAddress::parse("unix:@a")->has_file());
}

TEST(ListenAddress, SaysWhatIsWrong) {
  EXPECT_EQ(again("8080"), "'8080' is not tcp:HOST:PORT, tcp:PORT or unix:PATH, with NAME= before it");
  EXPECT_EQ(again("tcp:0"), "'tcp:0' is not tcp:HOST:PORT or tcp:PORT with a PORT from 1 to 65535");
  EXPECT_EQ(again("tcp:127.0.0.1:"),
            "'tcp:127.0.0.1:' is not tcp:HOST:PORT or tcp:PORT with a PORT from 1 to 65535");
  EXPECT_EQ(again("tcp:::1:80"), "'tcp:::1:80' has an address that belongs in brackets: [::1]");
  EXPECT_EQ(again("tcp:web.example:80"),
            "'tcp:web.example:80' cannot be listened at: 'web.example' is no numeric address of this host; "
            "'*' means all of them, and localhost is 127.0.0.1");
  EXPECT_EQ(again("unix:"), "'unix:' is not unix:PATH or unix:@NAME");
  EXPECT_EQ(again("unix:/a,mode=9"), "'unix:/a,mode=9' has no octal mode from 0 to 0777 behind ',mode='");
  EXPECT_EQ(again("unix:@a,mode=600"), "'unix:@a,mode=600' has a mode, and no file that could have it");
  EXPECT_EQ(again("=tcp:80"), "'=tcp:80' has a name with other characters than A-Z a-z 0-9 . _ - or none");
  EXPECT_EQ(again("a b=tcp:80"),
            "'a b=tcp:80' has a name with other characters than A-Z a-z 0-9 . _ - or none");
  EXPECT_TRUE(ListenAddress::parse("unix:/" + string(106, 'x')));
  EXPECT_FALSE(ListenAddress::parse("unix:/" + string(107, 'x')));
}

}  // namespace
}  // namespace keeper
