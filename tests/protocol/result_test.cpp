#include "protocol/base/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace keeper {
namespace {

constexpr Reason kReasons[] = {
    Reason::failed,  Reason::usage,   Reason::invalid,     Reason::not_found, Reason::not_running,
    Reason::already, Reason::timeout, Reason::unreachable, Reason::refused,   Reason::too_large,
    Reason::busy,    Reason::changed, Reason::unsupported, Reason::internal,
};

TEST(Result, HoldsAValueOrAnError) {
  Result<int> value(3);
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 3);
  Result<int> error(Error{Reason::busy, "count", "", 0});
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().reason, Reason::busy);
}

TEST(Result, OfNothingIsDoneUnlessItGotAnError) {
  EXPECT_TRUE(Done());
  Done failed = Error{Reason::refused, "enter", "", 0};
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().reason, Reason::refused);
}

TEST(Result, GivesItsValueAway) {
  Result<std::string> text(std::string(100, 'x'));
  std::string taken = *std::move(text);
  EXPECT_EQ(taken, std::string(100, 'x'));
}

TEST(Error, SaysWhatCouldNotBeDoneToWhatAndWhy) {
  EXPECT_EQ((Error{Reason::failed, "start api", "chdir /srv", ENOENT}.text()),
            "cannot start api: chdir /srv: No such file or directory");
}

TEST(Error, LeavesOutThePartsThatAreNotThere) {
  EXPECT_EQ((Error{Reason::failed, "start api", "", 0}.text()), "cannot start api");
  EXPECT_EQ((Error{Reason::failed, "start api", "no such app", 0}.text()), "cannot start api: no such app");
  EXPECT_EQ((Error{Reason::failed, "start api", "", EACCES}.text()), "cannot start api: Permission denied");
  EXPECT_EQ((Error{Reason::invalid, "", "'x' is not a size", 0}.text()), "'x' is not a size");
}

TEST(Error, WhyIsTheTextWithoutWhatWasDone) {
  EXPECT_EQ((Error{Reason::failed, "start api", "chdir /srv", ENOENT}.why()),
            "chdir /srv: No such file or directory");
  EXPECT_EQ((Error{Reason::failed, "start api", "", 0}.why()), "");
}

TEST(Error, OfTheSystemKeepsErrnoAsItWas) {
  errno = EMFILE;
  Error error = system_error("open " + std::string(200, 'x'), "for the record");
  EXPECT_EQ(error.errnum, EMFILE);
  EXPECT_EQ(error.reason, Reason::failed);
  EXPECT_EQ(error.about, "for the record");
}

TEST(Reason, EachHasAWordOfItsOwnThatReadsBack) {
  std::set<std::string_view> words;
  for (Reason reason : kReasons) {
    EXPECT_EQ(reason_of(word(reason)), reason) << word(reason);
    words.insert(word(reason));
  }
  EXPECT_EQ(words.size(), std::size(kReasons));
}

TEST(Reason, OfAWordThatANewerPeerMadeUpIsFailed) {
  EXPECT_EQ(reason_of("out_of_coffee"), Reason::failed);
  EXPECT_EQ(reason_of(""), Reason::failed);
  EXPECT_EQ(reason_of("Busy"), Reason::failed);
}

}  // namespace
}  // namespace keeper
