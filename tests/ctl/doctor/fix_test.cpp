// What `ctl doctor` gathers of a real home, and how it mends that.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ctl/doctor/fix.hpp"
#include "ctl/doctor/gather.hpp"
#include "protocol/base/clock.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// A home of the test's own, with one stopped app.
class DoctorMend : public testing::Test {
 protected:
  DoctorMend() {
    string name = (fs::temp_directory_path() / "doctor-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
    home_.emplace(std::move(*Home::open(path_ + "/home", Home::Create::yes)));
    Fd lock = std::move(*home_->lock("api", Millis(0)));
    Spec spec;
    spec.name = "api";
    spec.program = "/bin/sh";
    spec.cwd = "/";
    Status status;
    status.name = "api";
    status.version = "0.1.0";
    status.command = {"/bin/sh"};
    EXPECT_TRUE(home_->write_spec("api", spec));
    EXPECT_TRUE(home_->write_status("api", status));
  }
  ~DoctorMend() override {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  string in_app(const string& name) const { return home_->app_dir("api") + "/" + name; }
  void write(const string& path, const string& text = "") const {
    std::ofstream(path) << text;
    chmod(path.c_str(), 0600);
  }
  std::vector<Found> found() const {
    Row row{{"api", 0}, *home_->read_status("api"), {}};
    HomeFacts facts = gather(*home_, {row}, false, {});
    facts.disks.clear();  // as full as they may be
    return findings(facts);
  }
  /// What is found after it was mended.
  std::vector<Found> mended() const {
    std::vector<Found> out = found();
    mend(*home_, out);
    return out;
  }

  string path_;
  std::optional<Home> home_;
};

TEST_F(DoctorMend, AStoppedAppIsWell) {
  EXPECT_TRUE(found().empty()) << found().front().finding.what;
}

TEST_F(DoctorMend, HalfWrittenFilesAndStalePidFilesAreRemoved) {
  for (const char* name : {".status.json.new", ".spec.json.new", "spec.json.before", "pid"})
    write(in_app(name));
  write(home_->log_path("api") + ".gz.tmp");
  auto all = mended();
  EXPECT_EQ(5u, all.size());
  for (const Found& one : all)
    EXPECT_TRUE(one.finding.fixed) << one.finding.what << ": " << one.finding.remedy;
  EXPECT_TRUE(found().empty());
  EXPECT_TRUE(home_->read_spec("api"));
  EXPECT_FALSE(fs::exists(in_app("pid")));
}

TEST_F(DoctorMend, APidFileOfALivingProcessStays) {
  write(in_app("pid"), std::to_string(getpid()) + "\n");
  EXPECT_TRUE(found().empty());
}

TEST_F(DoctorMend, APidFileElsewhereGoesOnlyIfItNamesOurRun) {
  Spec spec = *home_->read_spec("api");
  spec.pid_file = path_ + "/api.pid";
  Status status = *home_->read_status("api");
  status.last_exit = LastExit{ExitInfo::unknown(), std::nullopt, 0, "reboot", 99'999'999};
  ASSERT_TRUE(home_->write_spec("api", spec));
  ASSERT_TRUE(home_->write_status("api", status));
  write(spec.pid_file, "99999998\n");
  EXPECT_TRUE(found().empty());
  write(spec.pid_file, "99999999\n");
  EXPECT_EQ(1u, mended().size());
  EXPECT_FALSE(fs::exists(spec.pid_file));
}

TEST_F(DoctorMend, WhatAKeeperHoldsIsNotEvenLookedFor) {
  write(in_app(".status.json.new"));
  Fd lock = std::move(*home_->lock("api", Millis(0)));
  EXPECT_TRUE(found().empty());
}

TEST_F(DoctorMend, NothingIsRemovedWhereSomebodyTookTheLockMeanwhile) {
  write(in_app(".status.json.new"));
  auto all = found();
  ASSERT_EQ(1u, all.size());
  Fd lock = std::move(*home_->lock("api", Millis(0)));
  mend(*home_, all);
  EXPECT_FALSE(all.front().finding.fixed);
  EXPECT_NE(string::npos, all.front().finding.remedy.find("in use by now")) << all.front().finding.remedy;
  EXPECT_TRUE(fs::exists(in_app(".status.json.new")));
}

TEST_F(DoctorMend, LookingTakesNoLockAndMakesNothing) {
  fs::remove_all(home_->app_dir("api"));
  Row row{{"api", 0}, {}, {}};
  gather(*home_, {row}, true, {});
  EXPECT_FALSE(fs::exists(home_->app_dir("api")));
}

TEST_F(DoctorMend, AStaleSocketWithoutARecordGoesAndLeavesNoRecord) {
  { Fd socket = std::move(*home_->bind_socket("stray")); }
  AppFacts app = gather_app(*home_, {"stray", 0}, std::nullopt);
  EXPECT_TRUE(app.stale_socket);
  auto all = app_findings(gather(*home_, {}, false, {}), app);
  mend(*home_, all);
  ASSERT_EQ(1u, all.size());
  EXPECT_TRUE(all.front().finding.fixed) << all.front().finding.remedy;
  EXPECT_FALSE(fs::exists(home_->socket_path("stray")));
  EXPECT_FALSE(fs::exists(home_->app_dir("stray")));
}

TEST_F(DoctorMend, ASocketThatSomebodyListensAtIsNotStale) {
  Fd socket = std::move(*home_->bind_socket("api"));
  EXPECT_FALSE(gather_app(*home_, {"api", 0}, std::nullopt).stale_socket);
}

TEST_F(DoctorMend, ModesArePutRight) {
  chmod(in_app("spec.json").c_str(), 0644);
  chmod(home_->app_dir("api").c_str(), 0755);
  EXPECT_EQ(2u, mended().size());
  EXPECT_TRUE(found().empty());
}

TEST_F(DoctorMend, WhatIsNeededForAStartIsLookedFor) {
  Spec spec = *home_->read_spec("api");
  string script = path_ + "/script";
  write(script, "#!/nowhere/interpreter -x\n");
  chmod(script.c_str(), 0700);
  spec.program = script;
  spec.cwd = path_ + "/gone";
  spec.env_file = {path_ + "/gone.env"};
  ASSERT_TRUE(home_->write_spec("api", spec));
  std::vector<string> missing;
  for (const NeededFile& file : gather_app(*home_, {"api", 0}, std::nullopt).missing)
    missing.push_back(file.role + " " + file.path);
  EXPECT_EQ((std::vector<string>{"interpreter /nowhere/interpreter", "directory " + spec.cwd,
                                 "env file " + spec.env_file.front()}),
            missing);
}

TEST(DoctorGather, ReadsTheLimitsOfTheSystem) {
  SystemFacts system = gather_system();
  EXPECT_GT(system.tasks.used, 0u);
  EXPECT_GE(system.tasks.limit, 301u);  // the least that the kernel takes for pid_max
  EXPECT_GE(system.inotify_instances.limit, 1u);
  auto disks = gather_disks({"/", "/", "/nowhere"});
  ASSERT_EQ(1u, disks.size());
  EXPECT_GT(disks.front().bytes, 0u);
}

TEST_F(DoctorMend, ADeletionThatWasBrokenOffIsFinished) {
  fs::create_directories(path_ + "/home/apps/.old.removed/deep");
  auto all = findings(gather(*home_, {}, true, {}));
  mend(*home_, all);
  EXPECT_FALSE(fs::exists(path_ + "/home/apps/.old.removed"));
  EXPECT_FALSE(fs::exists(path_ + "/home/apps/old"));
}

TEST_F(DoctorMend, WhatIsWhereALockBelongsIsNamedAndMovedAway) {
  const auto put = {
      +[](const string& path) { fs::create_directory(path); },
      +[](const string& path) {
        fs::create_directory(path);
        std::ofstream(path + "/file") << "kept";
      },
      +[](const string& path) { fs::create_symlink("elsewhere", path); },
  };
  for (const auto& in_its_place : put) {
    fs::remove(in_app("lock"));
    in_its_place(in_app("lock"));
    auto lock = home_->lock("api", Millis(0));
    ASSERT_FALSE(lock);
    EXPECT_NE(string::npos, lock.error().text().find("/lock is ")) << lock.error().text();
    auto all = mended();
    ASSERT_EQ(1u, all.size());
    EXPECT_TRUE(all[0].finding.fixed) << all[0].finding.remedy;
    EXPECT_TRUE(home_->lock("api", Millis(0)));
    EXPECT_TRUE(found().empty());
  }
}

}  // namespace
}  // namespace keeper
