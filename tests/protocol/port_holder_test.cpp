// What programs say of a port that is in use.
#include "protocol/store/port_holder.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

TEST(PortInUse, IsReadOutOfWhatProgramsSay) {
  const std::pair<const char*, std::optional<int>> all[] = {
      {"Error: listen EADDRINUSE: address already in use :::3000\n    at Server (node:net:1817:16)", 3000},
      {"listen EADDRINUSE: address already in use 127.0.0.1:18132\n  port: 1", 18132},
      {"nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", 80},
      {"OSError: [Errno 98] Address already in use", 0},
      {"panic: listen tcp :8080: bind: address already in use", 8080},
      {"Error: port 8080: Address already in use", 8080},
      {"bind EADDRINUSE null:70000", 0},
      {"connect ECONNREFUSED 127.0.0.1:3000", std::nullopt},
      {"", std::nullopt}};
  for (const auto& [text, port] : all)
    EXPECT_EQ(port, port_in_use(text)) << text;
}

}  // namespace
}  // namespace keeper
