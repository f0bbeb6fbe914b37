// Descriptors that a peer sends and that nobody wants: their sender can make nobody wait.
#include "protocol/base/discard.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/pass_fd.hpp"
#include "tests/edges/support/lingering.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

constexpr Millis kAtOnce{500};  // where a wait would take 20 s

struct Pair {
  Fd ours, theirs;
  explicit Pair(int type) {
    int ends[2];
    EXPECT_EQ(0, socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends));
    ours = Fd(ends[0]);
    theirs = Fd(ends[1]);
  }
  /// Sends the only copy of a descriptor.
  void send_last(std::string_view text, Fd fd) const {
    EXPECT_EQ(static_cast<ssize_t>(text.size()), send_beside(theirs.get(), text, fd.get()));
  }
};

template <class F>
Millis time_of(F what) {
  const auto begun = std::chrono::steady_clock::now();
  what();
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - begun);
}

void reap_children() {
  while (waitpid(-1, nullptr, 0) > 0) {
  }
}

TEST(Discard, NobodyWaitsForWhatASenderLeftBehind) {
  Lingering lingering;
  const Pair pair(SOCK_DGRAM);
  pair.send_last("one", std::move(lingering.socket));
  pair.send_last("two", Fd());
  EXPECT_LT(time_of([&] { EXPECT_EQ(1u, discard_by_child(pair.ours.get(), 1)); }), kAtOnce);
  char text[8];
  EXPECT_EQ(3, recv(pair.ours.get(), text, sizeof text, MSG_DONTWAIT));
  EXPECT_EQ("two", std::string_view(text, 3));
  EXPECT_LT(time_of(reap_children), kAtOnce);
}

TEST(Discard, TakesAsManyBytesAsItIsTold) {
  const Pair pair(SOCK_STREAM);
  Lingering first, second;
  pair.send_last("one", std::move(first.socket));
  pair.send_last("two", std::move(second.socket));
  pair.send_last("three", Fd());
  EXPECT_LT(time_of([&] { EXPECT_EQ(6u, discard_by_child(pair.ours.get(), 6)); }), kAtOnce);
  char text[8];
  EXPECT_EQ(5, recv(pair.ours.get(), text, sizeof text, MSG_DONTWAIT));
  EXPECT_EQ(0u, discard_by_child(pair.ours.get(), 6));
  reap_children();
}

TEST(Discard, NeedsNoDescriptorsOfItsOwn) {
  Lingering lingering;
  const Pair pair(SOCK_DGRAM);
  pair.send_last("one", std::move(lingering.socket));
  const int child = fork();
  if (child == 0) {
    const rlimit none{8, 8};
    setrlimit(RLIMIT_NOFILE, &none);
    const bool quick = time_of([&] { discard_by_child(pair.ours.get(), 1); }) < kAtOnce;
    _exit(quick ? 0 : 1);
  }
  int status = 0;
  EXPECT_LT(time_of([&] { waitpid(child, &status, 0); }), kAtOnce);
  EXPECT_EQ(0, status);
}

TEST(Discard, BytesWithADescriptorAreNoBytes) {
  const Pair pair(SOCK_STREAM);
  Lingering lingering;
  char text[64];
  pair.send_last("plain", Fd());
  EXPECT_EQ(5, receive_bytes_alone(pair.ours.get(), text, sizeof text));
  pair.send_last("not plain", std::move(lingering.socket));
  pair.send_last("again", Fd());
  EXPECT_LT(time_of([&] {
              errno = 0;
              EXPECT_EQ(-1, receive_bytes_alone(pair.ours.get(), text, sizeof text));
              EXPECT_EQ(EPROTO, errno);
            }),
            kAtOnce);
  EXPECT_EQ(5, receive_bytes_alone(pair.ours.get(), text, sizeof text));
  EXPECT_EQ(-1, receive_bytes_alone(pair.ours.get(), text, sizeof text));
  EXPECT_EQ(EAGAIN, errno);
  reap_children();
}

TEST(Discard, ASocketIsClosedWithoutWaitingForWhatIsInIt) {
  Pair pair(SOCK_STREAM);
  Lingering lingering;
  pair.send_last("unread", std::move(lingering.socket));
  EXPECT_LT(time_of([&] { close_for_all(std::move(pair.ours)); }), kAtOnce);
  EXPECT_GT(0, send_beside(pair.theirs.get(), "more", -1));
  reap_children();
}

}  // namespace
}  // namespace keeper
