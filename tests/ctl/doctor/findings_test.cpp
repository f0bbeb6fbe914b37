// What `ctl doctor` makes of what it has gathered.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "ctl/doctor/findings.hpp"
#include "ctl/output/findings_text.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

using std::string;
using Kind = PathFacts::Kind;

constexpr unsigned kUser = 1000;

HomeFacts healthy_home() {
  HomeFacts home;
  home.path = "/home/web/.keeper";
  home.user = kUser;
  home.user_name = "web";
  home.version = "0.1.0";
  home.now = WallTime(Millis(1'000'000'000'000));
  home.rooms = {{home.path, Kind::directory, true, S_IFDIR | 0700, kUser}};
  home.disks = {{home.path, 100ULL << 30, 50ULL << 30, 1000, 500, false}};
  home.system.descriptors = 65536;
  return home;
}

AppFacts running(const string& name = "api") {
  AppFacts app;
  app.id = {name, 0};
  app.row = Row{app.id, {}, {}};
  app.row->answered = app.row->keeper_lives = app.locked = true;
  Status& s = app.row->status;
  s.name = name;
  s.state = State::running;
  s.pid = 1140;
  s.keeper_pid = 1138;
  s.version = "0.1.0";
  app.record = s;
  app.keepers = {{1138, {1140}}};
  return app;
}

AppFacts stopped() {
  AppFacts app = running();
  app.row->answered = app.row->keeper_lives = app.locked = false;
  app.row->status.state = State::stopped;
  app.row->status.pid.reset();
  app.row->status.keeper_pid.reset();
  app.record = app.row->status;
  app.keepers.clear();
  return app;
}

/// "SEVERITY APP: WHAT" of each.
std::vector<string> said(const std::vector<Found>& found) {
  std::vector<string> out;
  for (const Found& one : found) {
    const Finding& f = one.finding;
    EXPECT_FALSE(f.remedy.empty()) << f.what;
    out.push_back(string(word_for(f.severity)) + " " + f.app.value_or("-") + ": " + f.what);
  }
  return out;
}

/// The only finding.
string only(const std::vector<Found>& found) {
  auto all = said(found);
  EXPECT_EQ(1u, all.size()) << testing::PrintToString(all);
  return all.empty() ? "" : all.front();
}

string only_of_app(const AppFacts& app) {
  return only(app_findings(healthy_home(), app));
}

string only_of_system(const HomeFacts& home) {
  return only(system_findings(home));
}

string remedy_of(const AppFacts& app) {
  auto found = app_findings(healthy_home(), app);
  return found.empty() ? "" : found.front().finding.remedy;
}

TEST(Doctor, FindsNothingWhereAllIsWell) {
  HomeFacts home = healthy_home();
  home.apps = {running(), stopped()};
  EXPECT_EQ(std::vector<string>(), said(findings(home)));
}

TEST(Doctor, NamesAnOrphanAndWhatToDoAndEndsNothing) {
  AppFacts app = running();
  app.row->answered = app.row->keeper_lives = false;
  app.row->status.state = State::unreachable;
  app.keepers.clear();
  EXPECT_EQ("error api: its keeper was killed, and its program runs on as pid 1140", only_of_app(app));
  EXPECT_EQ(Mend::Kind::none, app_findings(healthy_home(), app).front().mend.kind);
  app.output_full = true;
  EXPECT_EQ("error api: its keeper was killed, and its program, pid 1140, waits: nobody reads what it writes",
            only_of_app(app));
}

TEST(Doctor, NamesARunThatCannotBeEnded) {
  AppFacts app = running();
  app.row->status.state = State::stopping;
  app.row->status.survivors = {1140};
  app.row->status.reason = "not permitted: pid 1140 runs as root";
  EXPECT_EQ("error api: a run of it cannot be ended: not permitted: pid 1140 runs as root", only_of_app(app));
  AppFacts gone = stopped();
  gone.row->status.survivors = {1140, 1141};
  EXPECT_EQ("error api: a run of it cannot be ended: pid 1140 pid 1141", only_of_app(gone));
  EXPECT_TRUE(remedy_of(gone).starts_with("as root, 'kill -KILL 1140 1141' ends it"));
}

TEST(Doctor, NamesSocketsWhoseFileIsGone) {
  AppFacts app = running();
  app.row->status.cut_off = {"/run/api.sock"};
  EXPECT_EQ("error api: nobody can connect to /run/api.sock: its file is gone, or another's",
            only_of_app(app));
  EXPECT_EQ("'ctl restart api' listens anew", remedy_of(app));
}

TEST(Doctor, NamesKeepersThatDoNotAnswer) {
  AppFacts app = running();
  app.row->answered = false;
  app.row->failure = Reason::timeout;
  app.row->status.state = State::unreachable;
  app.row->status.reason = "its keeper does not answer";
  EXPECT_EQ("error api: its keeper does not answer", only_of_app(app));
  EXPECT_NE(string::npos, remedy_of(app).find("kill -KILL 1138")) << remedy_of(app);
  app.keeper_suspended = true;
  EXPECT_EQ("error api: its keeper, pid 1138, is suspended (by SIGSTOP)", only_of_app(app));
  EXPECT_EQ("'kill -CONT 1138' wakes it", remedy_of(app));
}

TEST(Doctor, NamesTwoKeepersOfOneApp) {
  AppFacts app = running();
  app.keepers = {{1138, 1137, {1140}}, {1200, 1199, {1201}}};
  app.record->keeper_pid = 1200;
  EXPECT_EQ(
      "error api: 2 keepers claim it: pid 1138 pid 1200; 1138 answers at its socket, the record names 1200",
      only_of_app(app));
  EXPECT_EQ("'kill -STOP 1199 1200; kill -KILL 1199 1200 1201' ends the other with its program",
            remedy_of(app))
      << "not what answers";
  app.keepers.back().guard = 0;
  EXPECT_EQ("'kill -KILL 1200 1201' ends the other with its program", remedy_of(app));
}

TEST(Doctor, CountsAnAnsweringKeeperOnce) {
  AppFacts app = running();
  app.record->keeper_pid = 1;  // of a record that is about to be written
  EXPECT_EQ(std::vector<string>(), said(app_findings(healthy_home(), app)));
}

TEST(Doctor, OffersToRemoveWhatIsStale) {
  AppFacts app = stopped();
  app.stale_socket = true;
  app.stale_pid_files = {{"/home/web/.keeper/apps/api/pid", 12}};
  app.leftovers = {"/home/web/.keeper/apps/api/.status.json.new"};
  auto found = app_findings(healthy_home(), app);
  ASSERT_EQ(3u, found.size());
  EXPECT_EQ(Mend::Kind::socket, found[0].mend.kind);
  EXPECT_EQ(Mend::Kind::pid_file, found[1].mend.kind);
  EXPECT_EQ(12, found[1].mend.pid);
  EXPECT_EQ(Mend::Kind::leftover, found[2].mend.kind);
  for (const Found& one : found) {
    EXPECT_EQ("'ctl doctor --fix' removes it", one.finding.remedy);
    EXPECT_EQ("api", one.mend.stem);
  }
}

TEST(Doctor, LeavesALogAloneWhoseRotationWasBrokenOff) {
  AppFacts app = stopped();
  app.renaming_logs = {"/l/api.log.rotating"};
  EXPECT_EQ("note api: /l/api.log.rotating is a log whose rotation was broken off", only_of_app(app));
  EXPECT_EQ(Mend::Kind::none, app_findings(healthy_home(), app).front().mend.kind);
}

TEST(Doctor, OfModesTheRightOnesAre0700And0600) {
  HomeFacts home = healthy_home();
  auto look = [&](Kind kind, unsigned mode, unsigned owner = kUser) {
    return path_findings(home, {"/x", kind, true, mode, owner}, "api");
  };
  EXPECT_TRUE(look(Kind::directory, S_IFDIR | 0700).empty());
  EXPECT_TRUE(look(Kind::directory, S_IFDIR | S_ISGID | 0700).empty()) << "inherited from above";
  EXPECT_TRUE(look(Kind::file, S_IFREG | 0600).empty());
  EXPECT_TRUE(look(Kind::socket, S_IFSOCK | 0600).empty());
  EXPECT_EQ("warning api: /x has mode 0755, which is more than its user's alone",
            only(look(Kind::directory, S_IFDIR | 0755)));
  EXPECT_EQ("warning api: /x has mode 0400, which keeps its user out",
            only(look(Kind::file, S_IFREG | 0400)));
  EXPECT_EQ(0600u, look(Kind::file, S_IFREG | 0400).front().mend.mode);
  EXPECT_TRUE(path_findings(home, {"/x", Kind::file}, "api").empty()) << "not there yet";
}

TEST(Doctor, ForeignOwnersAndLinksAreNamedAndNotTouched) {
  HomeFacts home = healthy_home();
  auto foreign = path_findings(home, {"/x", Kind::directory, true, S_IFDIR | 0700, 0}, std::nullopt);
  EXPECT_EQ("error -: /x belongs to another user (uid 0)", only(foreign));
  EXPECT_EQ("'sudo chown -R web /x' gives it back", foreign.front().finding.remedy);
  auto link = path_findings(home, {"/x", Kind::directory, true, S_IFLNK | 0777, kUser}, std::nullopt);
  EXPECT_EQ("error -: /x is a symbolic link where a directory belongs", only(link));
  for (const auto& found : {foreign, link})
    EXPECT_EQ(Mend::Kind::none, found.front().mend.kind);
}

TEST(Doctor, AHomeThatOthersCouldEnterWasNarrowedByLooking) {
  HomeFacts home = healthy_home();
  home.narrowed_from = 0755;
  auto found = findings(home);
  EXPECT_EQ("warning -: /home/web/.keeper had mode 0755, which lets others in", only(found));
  EXPECT_TRUE(found.front().finding.fixed);
}

TEST(Doctor, OfAHomeThatIsRefusedTheReasonAndTheRemedyAreKept) {
  Finding finding = refused_home({Reason::refused, "use the directory /x", "it is bad; set KEEPER_HOME", 0});
  EXPECT_EQ("cannot use the directory /x: it is bad", finding.what);
  EXPECT_EQ("set KEEPER_HOME", finding.remedy);
}

TEST(Doctor, LongPathsOfSocketsAreANote) {
  HomeFacts home = healthy_home();
  home.path = "/" + string(120, 'h');
  home.apps = {running("a"), running("app")};
  EXPECT_EQ(
      "note -: paths of sockets have up to 135 bytes: ctl finds them, programs that do not expect more than "
      "107 "
      "cannot connect",
      only(findings(home)));
}

TEST(Doctor, FullDisksAreErrors) {
  HomeFacts home = healthy_home();
  Disk& disk = home.disks.front();
  disk.free_bytes = (3 << 20) + 5;
  EXPECT_EQ("error -: the file system of /home/web/.keeper is full: 3M of 100G are free",
            only_of_system(home));
  disk.free_bytes = 500 << 20;
  EXPECT_EQ("warning -: the file system of /home/web/.keeper is nearly full: 500M of 100G are free",
            only_of_system(home));
  disk.free_bytes = 2ULL << 30;
  EXPECT_TRUE(system_findings(home).empty());
  disk.free_files = 3;
  EXPECT_EQ("error -: the file system of /home/web/.keeper has no more inodes: 3 of 1000 are free",
            only_of_system(home));
  disk.files = disk.free_files = 0;
  EXPECT_TRUE(system_findings(home).empty()) << "some have no number of inodes";
  disk.read_only = true;
  EXPECT_EQ("error -: the file system of /home/web/.keeper is read-only", only_of_system(home));
}

TEST(Doctor, LowLimitsAreNamed) {
  HomeFacts home = healthy_home();
  SystemFacts& system = home.system;
  system.descriptors = 64;
  EXPECT_NE(string::npos, only_of_system(home).find("only 64 open files"));
  system.descriptors = 0;  // none
  system.inotify_instances = {128, 128};
  EXPECT_NE(string::npos, only_of_system(home).find("128 of 128 inotify instances"));
  system.inotify_instances = {127, 128};
  EXPECT_TRUE(system_findings(home).empty());
  system.inotify_watches = {95, 100};
  EXPECT_NE(string::npos, only_of_system(home).find("95 of 100 inotify watches"));
  system.inotify_watches = {};
  system.tasks = {950, 1000};
  EXPECT_NE(string::npos, only_of_system(home).find("950 of 1000 processes"));
  system.tasks = {};
  system.user_tasks = {100, 100};
  EXPECT_NE(string::npos, only_of_system(home).find("the user runs 100 of 100"));
  system.privileged = true;
  EXPECT_TRUE(system_findings(home).empty()) << "root is not bound by it";
}

TEST(Doctor, TakenPipePagesAndAClockOnItsOwnAreNotes) {
  HomeFacts home = healthy_home();
  home.system.pipe_pages = {17000, 16384};
  EXPECT_EQ(0u, only_of_system(home).find("note "));
  home.system.pipe_pages = {};
  home.system.clock_synchronised = false;
  EXPECT_EQ("note -: the clock is not synchronised: times in logs may be wrong", only_of_system(home));
  home.whole = false;
  EXPECT_TRUE(system_findings(home).empty()) << "only some apps were asked about";
}

TEST(Doctor, RecordsFromTheFutureMeanThatTheClockIsWrong) {
  AppFacts app = running();
  WallTime now = healthy_home().now;
  app.record->started_at = now + Millis(4000);
  EXPECT_TRUE(app_findings(healthy_home(), app).empty()) << "clocks are put right by a little now and then";
  app.record->started_at = now + Millis(7'934'900);
  EXPECT_EQ(0u, only_of_app(app).find("warning api: its record is of 2h from now (2001-09-09T03:58:54.900Z)"))
      << only_of_app(app);
}

TEST(Doctor, MissingFilesAreAnErrorWhileItRunsElseAWarning) {
  AppFacts app = running();
  app.missing = {{"interpreter", "/usr/bin/node"}};
  EXPECT_EQ("error api: its interpreter /usr/bin/node is not there any more: its next start fails",
            only_of_app(app));
  app = stopped();
  app.missing = {{"directory", "/srv/api"}};
  EXPECT_EQ("warning api: its directory /srv/api is not there any more: it cannot be started",
            only_of_app(app));
}

TEST(Doctor, AnotherVersionIsANote) {
  AppFacts app = running();
  app.row->status.version = "0.0.9";
  EXPECT_EQ("note api: its keeper is of version 0.0.9, this ctl of 0.1.0", only_of_app(app));
  app.row->answered = false;
  app.row->keeper_lives = false;
  app.row->status.state = State::stopped;
  EXPECT_TRUE(app_findings(healthy_home(), app).empty()) << "a record may be as old as it likes";
}

TEST(Doctor, DamagedRecordsAndTroubleWithLogsAreErrors) {
  AppFacts app = running();
  app.unreadable = {{Reason::invalid, "read /x/spec.json", "it is no JSON", 0}};
  EXPECT_EQ("error api: cannot read /x/spec.json: it is no JSON", only_of_app(app));
  app = running();
  app.row->status.logs = {{"all", "/l/api.log", 0, "No space left on device"}};
  EXPECT_EQ("error api: its log /l/api.log has trouble: No space left on device", only_of_app(app));
}

TEST(Doctor, TheRemedyOfASpecThatCannotBeReadIsOneThatWorks) {
  AppFacts app = running();
  app.unreadable = {{Reason::invalid, "read /x/spec.json", "it is no JSON", 0}};
  app.spec_is_readable = false;
  EXPECT_EQ("its keeper goes on with what it has read before; mend the file before it is stopped",
            remedy_of(app));
  app = stopped();
  app.spec_is_readable = false;
  app.spec_is_gone = true;
  EXPECT_EQ("error api: " + healthy_home().path + "/apps/api/spec.json is gone", only_of_app(app));
  EXPECT_EQ("'keeper -d -n api PROGRAM' defines it anew, 'ctl delete api' forgets it", remedy_of(app));
}

TEST(Doctor, AKeeperThatCannotBeginIsNamedWithItsReasonAndItsProgram) {
  AppFacts app = running();
  app.row->answered = false;
  app.row->status.state = State::unreachable;
  app.row->status.reason = string(kCannotBegin) + "cannot read /x/spec.json: not JSON";
  app.keepers.clear();
  EXPECT_EQ(
      "error api: its keeper cannot begin: cannot read /x/spec.json: not JSON; its program runs on as pid "
      "1140",
      only_of_app(app));
  EXPECT_TRUE(remedy_of(app).ends_with("'ctl stop api' ends its guard and its program"));
}

TEST(DoctorText, SaysEachFindingInTwoLinesAndCountsThem) {
  std::vector<Finding> all = {{Severity::error, "api", "it is\nbad", "do this", false},
                              {Severity::warning, std::nullopt, "a", "it was removed", true},
                              {Severity::note, std::nullopt, "b", "c", false}};
  EXPECT_EQ(
      "error    api: it is\\nbad\n         do this\n"
      "fixed    a\n         it was removed\n"
      "note     b\n         c\n",
      findings_text(all, false));
  EXPECT_EQ("looked at 1 app: 1 error, 1 note, 1 fixed\n", findings_summary(all, "1 app"));
  all.erase(all.begin());
  EXPECT_EQ("looked at 1 app: all is well (1 note, 1 fixed)\n", findings_summary(all, "1 app"));
  EXPECT_EQ("looked at 1 app: all is well\n", findings_summary({}, "1 app"));
}

TEST(DoctorText, AFindingIsOneObjectForScripts) {
  EXPECT_EQ(R"({"severity":"warning","app":null,"what":"a","remedy":"b","fixed":true})",
            write_as(Finding{Severity::warning, std::nullopt, "a", "b", true}));
}

}  // namespace
}  // namespace keeper
