#include "keeper/log/stamp.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace keeper {
namespace {

using std::string;

/// The local zone, for a test.
class Zone {
 public:
  explicit Zone(const char* zone) { set(zone); }
  ~Zone() { set("UTC0"); }

 private:
  static void set(const char* zone) {
    setenv("TZ", zone, 1);
    tzset();
  }
};

constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";  // POSIX: works without the zone files

WallTime at(const char* text) {
  return *parse_time(text);
}

string stamp(const char* time, const char* format = "") {
  Stamp stamp(DateFormat{format});
  return string(stamp.text(at(time)));
}

TEST(Stamp, IsRfc3339WithMillisecondsInTheLocalZone) {
  Zone zone(kBerlin);
  EXPECT_EQ(stamp("2026-11-20T16:24:00.123Z"), "2026-11-20T17:24:00.123+01:00");
  EXPECT_EQ(stamp("2026-07-20T16:24:00.005Z"), "2026-07-20T18:24:00.005+02:00");
}

TEST(Stamp, OfUtcEndsInZ) {
  Zone zone("UTC0");
  EXPECT_EQ(stamp("2026-11-20T16:24:00.123Z"), "2026-11-20T16:24:00.123Z");
}

TEST(Stamp, KnowsOffsetsBehindUtcAndOfHalfAnHour) {
  Zone zone("NST3:30");
  EXPECT_EQ(stamp("2026-11-20T16:24:00.000Z"), "2026-11-20T12:54:00.000-03:30");
}

TEST(Stamp, GoesOnWithinASecondAndFromOneToTheNext) {
  Zone zone(kBerlin);
  Stamp stamp;
  EXPECT_EQ(stamp.text(at("2026-03-29T00:59:59.998Z")), "2026-03-29T01:59:59.998+01:00");
  EXPECT_EQ(stamp.text(at("2026-03-29T00:59:59.999Z")), "2026-03-29T01:59:59.999+01:00");
  EXPECT_EQ(stamp.text(at("2026-03-29T01:00:00.000Z")), "2026-03-29T03:00:00.000+02:00");
  EXPECT_EQ(stamp.text(at("2026-03-29T01:00:00.000Z")), "2026-03-29T03:00:00.000+02:00");
  EXPECT_EQ(stamp.text(at("2026-03-29T00:59:59.001Z")), "2026-03-29T01:59:59.001+01:00");
}

TEST(Stamp, TakesTimesBefore1970AndAtIt) {
  Zone zone("UTC0");
  Stamp stamp;
  EXPECT_EQ(stamp.text(WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(stamp.text(WallTime{Millis(-1)}), "1969-12-31T23:59:59.999Z");
}

TEST(Stamp, HasAFormatOfItsOwnWithMilliseconds) {
  Zone zone(kBerlin);
  EXPECT_EQ(stamp("2026-11-20T16:24:00.023Z", "%d.%m.%y %H:%M:%S,%L"), "20.11.26 17:24:00,023");
  EXPECT_EQ(stamp("2026-11-20T16:24:00.023Z", "[%s.%L %z]"), "[1795191840.023 +0100]");
}

TEST(Stamp, TakesTwoPercentSignsForOne) {
  Zone zone("UTC0");
  EXPECT_EQ(stamp("2026-11-20T16:24:00.023Z", "%%L %L %%%L"), "%L 023 %023");
}

TEST(Stamp, OfAFormatChangesWithTheMillisecond) {
  Zone zone("UTC0");
  Stamp stamp(DateFormat{"%S.%L"});
  EXPECT_EQ(stamp.text(at("2026-11-20T16:24:07.023Z")), "07.023");
  EXPECT_EQ(stamp.text(at("2026-11-20T16:24:07.024Z")), "07.024");
}

}  // namespace
}  // namespace keeper
