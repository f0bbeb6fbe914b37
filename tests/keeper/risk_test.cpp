// What makes it doubtful that a killed keeper is followed is shown wherever an app is shown, tried again
// until it works, and keeps an upgrade away meanwhile.
#include <signal.h>
#include <sys/resource.h>

#include "tests/keeper/support/follower.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// An app whose socket is made anew, and handed up, when it is removed.
class Risk : public testing::Test {
 protected:
  void SetUp() override {
    box_.detach("api", {"sleep", "1000"});
    before_ = *box_.status("api");
    follower_.emplace(box_);
    ASSERT_TRUE(follower_->comes("api", "now"));
  }
  string guard() const { return std::to_string(*before_.guard_pid); }
  fs::path socket() const { return box_.home() / "sock" / "api.sock"; }
  void expect_shown(const string& why, const string& remedy) {
    EVENTUALLY(box_.status("api") && box_.status("api")->at_risk);
    const string risk = *box_.status("api")->at_risk;
    EXPECT_EQ("cannot hand descriptor socket up: " + why + "; " + remedy, risk);
    EXPECT_TRUE(has(box_.ctl({"list"}).out, "running, at risk"));
    EXPECT_TRUE(has(box_.ctl({"show", "api"}).out, risk));
    const string doctor = box_.ctl({"doctor"}).out;
    EXPECT_TRUE(
        has(doctor, "a killed keeper would not be followed: cannot hand descriptor socket up: " + why))
        << doctor;
    EXPECT_TRUE(has(doctor, remedy + "; it is tried again each second")) << doctor;
    EXPECT_FALSE(has(doctor, "make room")) << doctor;
    EXPECT_TRUE(follower_->comes("api", "at_risk")) << follower_->all();
    EXPECT_EQ(1,
              count_of(box_.log("api"), "nobody can go on where it was: cannot hand descriptor socket up"));
    const Outcome upgrade = box_.ctl({"upgrade", "api"});
    EXPECT_EQ(1, upgrade.code);
    EXPECT_TRUE(has(upgrade.err, why)) << upgrade.err;
  }
  void expect_over() {
    EVENTUALLY(!box_.status("api")->at_risk);
    EXPECT_TRUE(follower_->comes("api", "at_risk_no_more")) << follower_->all();
    EXPECT_FALSE(has(box_.ctl({"list"}).out, "at risk"));
    kill(*before_.keeper_pid, SIGKILL);
    EVENTUALLY(box_.keeper_pid("api") > 0 && box_.keeper_pid("api") != *before_.keeper_pid);
    EXPECT_EQ(before_.pid, box_.pid("api"));
    EXPECT_EQ(0, box_.ctl({"upgrade", "api"}).code);
  }

  Sandbox box_;
  Status before_;
  std::optional<Follower> follower_;
};

/// The lowest number that is free.
rlim_t first_free(int pid) {
  rlim_t out = 0;
  while (fs::exists(fs::symlink_status("/proc/" + std::to_string(pid) + "/fd/" + std::to_string(out))))
    ++out;
  return out;
}

TEST_F(Risk, OfADescriptorThatTheGuardCannotReceive) {
  rlimit limit{};
  ASSERT_EQ(0, prlimit(*before_.guard_pid, RLIMIT_NOFILE, nullptr, &limit));
  const rlimit full{first_free(*before_.guard_pid), limit.rlim_max};
  ASSERT_EQ(0, prlimit(*before_.guard_pid, RLIMIT_NOFILE, &full, nullptr));
  fs::remove(socket());
  expect_shown("its guard, pid " + guard() + ", has as many open descriptors as it may have",
               "'prlimit --pid " + guard() + " --nofile=4096:' permits more");
  // A retry that is refused too changes nothing.
  const Millis until = now() + Millis(1200);
  EVENTUALLY(!box_.status("api")->at_risk || now() > until);
  EXPECT_TRUE(box_.status("api")->at_risk);
  EXPECT_FALSE(box_.logged("api", "would survive")) << box_.log("api");
  ASSERT_EQ(0, prlimit(*before_.guard_pid, RLIMIT_NOFILE, &limit, nullptr));
  expect_over();
}

TEST_F(Risk, OfAGuardThatDoesNotAnswer) {
  kill(*before_.guard_pid, SIGSTOP);
  fs::remove(socket());
  expect_shown(
      "its guard, pid " + guard() + ", does not answer",
      "'kill -CONT " + guard() + "' wakes a suspended one, 'kill -KILL " + guard() + "' has it replaced");
  kill(*before_.guard_pid, SIGCONT);
  expect_over();
}

}  // namespace
}  // namespace keeper
