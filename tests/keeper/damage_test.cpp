// Records that somebody has damaged: no second copy is started, the first one stays in sight and can be
// stopped.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "tests/keeper/support/sandbox.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

// --- ways to damage a file

void overwrite(const fs::path& path, const string& text) {
  Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(file) << path;
  ASSERT_EQ(static_cast<ssize_t>(text.size()), pwrite(file.get(), text.data(), text.size(), 0));
}

void replace(const fs::path& path, const string& text) {
  write_text(path.string() + ".by", text);
  fs::rename(path.string() + ".by", path);
}

struct Damage {
  const char* name;
  void (*to)(const fs::path& path);
};
void PrintTo(const Damage& one, std::ostream* out) {
  *out << one.name;
}

const Damage kDamages[] = {
    {"Emptied", [](const fs::path& path) { fs::resize_file(path, 0); }},
    {"Zeros", [](const fs::path& path) { overwrite(path, string(fs::file_size(path), '\0')); }},
    {"Rubbish", [](const fs::path& path) { overwrite(path, string(fs::file_size(path), 'x')); }},
    {"Half", [](const fs::path& path) { fs::resize_file(path, fs::file_size(path) / 2); }},
    {"Huge", [](const fs::path& path) { fs::resize_file(path, 1 << 30); }},
    {"Replaced", [](const fs::path& path) { replace(path, "{\"name\": rubbish"); }},
    {"Removed", [](const fs::path& path) { fs::remove(path); }},
    {"Directory",
     [](const fs::path& path) {
       fs::remove(path);
       fs::create_directory(path);
       write_text(path / "inside", "x");
     }},
    {"Link",
     [](const fs::path& path) {
       fs::rename(path, path.string() + ".target");
       fs::create_symlink(path.string() + ".target", path);
     }},
    {"Fifo",
     [](const fs::path& path) {
       fs::remove(path);
       ASSERT_EQ(0, mkfifo(path.c_str(), 0600));
     }},
    {"Mode0", [](const fs::path& path) { chmod(path.c_str(), 0); }},
};

/// A kept program that notes each of its starts.
class Damaged : public testing::Test {
 protected:
  fs::path record(const char* name) const { return box_.home() / "apps/api" / name; }

  void keep(Words options = {}) {
    const string script = "echo $$ >> '" + (box_.work() / "starts").string() + "'; exec sleep 1000";
    options.insert(options.end(), {"sh", "-c", script});
    box_.detach("api", options);
    pid_ = box_.pid("api");
    Home home = box_.open_home();
    ASSERT_TRUE(eventually([&] {
      auto written = home.read_status("api");
      return written && written->pid == pid_ && fs::exists(record("pid"));
    }));
    before_ = *box_.status("api");
  }

  /// How many of its starts live.
  int copies() const {
    int out = 0;
    for (const string& line : lines_of(read_text(box_.work() / "starts")))
      out += alive(std::atoi(line.c_str())) ? 1 : 0;
    return out;
  }

  void expect_kept() {
    EVENTUALLY(box_.keeper_pid("api") > 0 && alive(box_.keeper_pid("api")) && box_.pid("api") == pid_);
    EXPECT_EQ(1, copies());
    EXPECT_EQ("running", box_.state("api"));
  }

  void expect_stoppable() {
    const Outcome out = box_.ctl({"stop", "api"});
    EXPECT_EQ(0, out.code) << out.all();
    EXPECT_EQ(0, copies());
    EVENTUALLY(box_.processes().empty());
  }

  Sandbox box_;
  int pid_ = 0;
  Status before_;
};

// --- the state page

enum class Killed { none, keeper, guard, both };
constexpr const char* kKilled[] = {"None", "Keeper", "Guard", "Both"};

class DamagedState : public Damaged, public testing::WithParamInterface<std::tuple<Damage, Killed>> {};

TEST_P(DamagedState, StartsNoSecondCopy) {
  const auto [damage, killed] = GetParam();
  keep();
  damage.to(record("state"));
  if (killed == Killed::both) box_.kill_keeper("api");
  if (killed == Killed::keeper) kill(*before_.keeper_pid, SIGKILL);
  if (killed == Killed::guard) kill(*before_.guard_pid, SIGKILL);
  if (killed == Killed::both) {
    EXPECT_EQ("unreachable", box_.state("api"));
    EXPECT_EQ(pid_, box_.pid("api"));
    const Outcome out = box_.ctl({"start", "api"});
    EXPECT_EQ(0, out.code) << out.all();
    EXPECT_TRUE(has(out.out, "kept on, pid " + std::to_string(pid_))) << out.all();
  } else if (killed != Killed::none) {
    EVENTUALLY(!alive(killed == Killed::keeper ? *before_.keeper_pid : *before_.guard_pid));
  }
  EXPECT_EQ(0, box_.ctl({"signal", "CONT", "api"}).code);
  expect_kept();
  EXPECT_EQ(before_.run, box_.status("api")->run);
  // The record is whole again for the next keeper.
  kill(box_.keeper_pid("api"), SIGKILL);
  expect_kept();
  expect_stoppable();
}

/// Each kind with a killed keeper and with both killed; what cuts the page short or fills it, with each.
std::vector<std::tuple<Damage, Killed>> ways() {
  std::vector<std::tuple<Damage, Killed>> out;
  for (const Damage& damage : kDamages)
    for (Killed killed : {Killed::none, Killed::keeper, Killed::guard, Killed::both}) {
      const bool kills = killed == Killed::keeper || killed == Killed::both;
      if (kills || string(damage.name) == "Emptied" || string(damage.name) == "Rubbish")
        out.emplace_back(damage, killed);
    }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Ways, DamagedState, testing::ValuesIn(ways()), [](const auto& one) {
  return std::string(std::get<0>(one.param).name) + kKilled[static_cast<int>(std::get<1>(one.param))];
});

// --- the other records

class DamagedRecords : public Damaged, public testing::WithParamInterface<Damage> {};

/// Nothing but its processes says that it is there.
TEST_P(DamagedRecords, ThatAreAllOfThemLeaveTheProgramInSightAndStoppable) {
  keep();
  box_.kill_keeper("api");
  for (const char* name : {"state", "status.json", "pid", "spec.json"})
    GetParam().to(record(name));
  const Outcome list = box_.ctl({"list", "api"}), json = box_.ctl({"list", "--json"});
  EXPECT_TRUE(has(list.out, std::to_string(pid_)) && has(list.out, "unreachable")) << list.all();
  EXPECT_TRUE(has(json.out, "\"state\":\"unreachable\"") && has(json.out, "\"pid\":" + std::to_string(pid_)))
      << json.all();
  const bool readable = geteuid() == 0 && string(GetParam().name) == "Mode0";
  const Outcome start = box_.ctl({"start", "api"});
  if (!readable) {
    EXPECT_EQ(1, start.code) << start.all();
    EXPECT_TRUE(has(start.err, "spec.json")) << start.all();
    const Outcome other = box_.keeper({"-d", "-n", "api", "sleep", "2000"});
    EXPECT_EQ(1, other.code) << other.all();
    EXPECT_TRUE(has(other.err, std::to_string(pid_))) << other.all();
    EXPECT_TRUE(has(box_.ctl({"doctor", "api"}).out, "'ctl stop api'"));
  }
  EXPECT_EQ(1, copies());
  expect_stoppable();
  EXPECT_EQ(0, box_.ctl({"delete", "api"}).code);
  EXPECT_EQ(4, box_.ctl({"show", "api"}).code);
}

/// A stopped app stays in the list, and the advice of doctor works.
TEST_P(DamagedRecords, OfAStoppedAppAreARowThatSaysSo) {
  keep();
  ASSERT_EQ(0, box_.ctl({"stop", "api"}).code);
  for (const char* name : {"state", "status.json", "spec.json"})
    GetParam().to(record(name));
  if (string(GetParam().name) == "Removed") {
    EXPECT_EQ(4, box_.ctl({"show", "api"}).code);
    return;
  }
  if (geteuid() == 0 && string(GetParam().name) == "Mode0") return;
  const Outcome list = box_.ctl({"list"}), json = box_.ctl({"list", "--json"});
  EXPECT_TRUE(has(list.out, "exited") && has(list.out, "(not readable: spec.json: ")) << list.all();
  EXPECT_TRUE(has(json.out, "\"reason\":\"not readable: spec.json: ")) << json.all();
  const Outcome doctor = box_.ctl({"doctor", "api"});
  EXPECT_EQ(1, doctor.code);
  EXPECT_TRUE(has(doctor.out, "spec.json")) << doctor.all();
  EXPECT_EQ(3, box_.ctl({"stop", "api"}).code);
  EXPECT_TRUE(has(box_.ctl({"start", "api"}).err, "'keeper -d -n api PROGRAM' defines it anew"));
  Outcome anew = box_.keeper({"-d", "-n", "api", "--start-secs", "0", "sleep", "1000"});
  EXPECT_EQ(0, anew.code) << anew.all();
  EXPECT_EQ("running", box_.state("api"));
  EXPECT_EQ(0, box_.ctl({"delete", "api"}).code);
}

INSTANTIATE_TEST_SUITE_P(Ways, DamagedRecords, testing::ValuesIn(kDamages),
                         [](const auto& one) { return string(one.param.name); });

class DamagedRecord : public Damaged, public testing::WithParamInterface<const char*> {};

TEST_P(DamagedRecord, OfAProgramWhoseKeeperIsGoneHindersNobodyFromGoingOnWithIt) {
  keep();
  for (const Damage& damage : kDamages) {
    SCOPED_TRACE(damage.name);
    box_.kill_keeper("api");
    if (fs::is_regular_file(record(GetParam()))) damage.to(record(GetParam()));
    EXPECT_EQ("unreachable", box_.state("api"));
    EXPECT_EQ(pid_, box_.pid("api"));
    EXPECT_EQ(0, box_.ctl({"start", "api"}).code);
    expect_kept();
  }
}

INSTANTIATE_TEST_SUITE_P(Records, DamagedRecord, testing::Values("status.json", "pid"), [](const auto& one) {
  return string(one.param).substr(0, string(one.param).find('.'));
});

/// As after a kill of both halves between a spawn and its records.
TEST_F(Damaged, RecordsOfAnEarlierRunDoNotHideTheLivingOne) {
  keep();
  for (const char* name : {"status.json", "pid"})
    fs::copy(record(name), box_.work() / name);
  ASSERT_EQ(0, box_.ctl({"restart", "api", "--wait"}).code);
  const int pid = box_.pid("api");
  ASSERT_NE(pid_, pid);
  box_.kill_keeper("api");
  for (const char* name : {"status.json", "pid"})
    fs::copy(box_.work() / name, record(name), fs::copy_options::overwrite_existing);
  EXPECT_EQ("unreachable", box_.state("api"));
  EXPECT_EQ(pid, box_.pid("api"));
  expect_stoppable();
}

TEST_F(Damaged, AProgramThatKillsBothHalvesAtOnceIsSeenAndKeptOn) {
  const string kills =
      "k=$KEEPER_PID; g=$(sed -n 's/^PPid:.//p' /proc/$k/status); kill -STOP $g; kill -KILL $k $g; ";
  const string script = "echo $$ >> '" + (box_.work() / "starts").string() +
                        "'; [ -e done ] || { : > done; " + kills + "}; exec sleep 1000";
  EXPECT_NE(0, box_.keeper({"-d", "-n", "api", "--start-secs", "0.1", "sh", "-c", script}).code);
  EVENTUALLY(copies() == 1 && box_.state("api") == "unreachable" && box_.pid("api") > 0);
  EXPECT_EQ(std::to_string(box_.pid("api")) + "\n", read_text(box_.work() / "starts"));
  EXPECT_EQ(0, box_.ctl({"start", "api"}).code);
  EVENTUALLY(box_.state("api") == "running");
  EXPECT_EQ(1, copies());
  expect_stoppable();
}

TEST_F(Damaged, VariablesOfAnotherUserAreNoProof) {
  NEEDS_ROOT();
  keep();
  ASSERT_EQ(0, box_.ctl({"stop", "api"}).code);
  fs::remove(record("state"));
  fs::remove(record("status.json"));
  Start liar{{"/bin/sleep", "1000"}};
  liar.environment = {{"KEEPER_NAME", "api"}, {"KEEPER_INSTANCE", "0"}, {"KEEPER_PID", "1"}};
  liar.directory = "/";
  liar.before = [] {
    setsid();
    become_nobody();
  };
  Background other = box_.start(liar);
  EVENTUALLY(read_text("/proc/" + std::to_string(other.pid()) + "/comm") == "sleep\n");
  EXPECT_EQ(0, box_.pid("api"));
  EXPECT_EQ(0, box_.ctl({"start", "api"}).code);
  EXPECT_EQ(1, copies());
  EXPECT_EQ(0, box_.ctl({"stop", "api"}).code);
  EXPECT_EQ(0, copies());
  EXPECT_TRUE(alive(other.pid()));
  other.signal(SIGKILL);
}

// --- the spec

TEST_F(Damaged, ASpecThatIsOverwrittenInPlaceIsNotMissed) {
  keep();
  overwrite(record("spec.json"), "rubbish");
  for (int half : {*before_.keeper_pid, *before_.guard_pid}) {
    kill(half, SIGKILL);
    EVENTUALLY(!alive(half));
    expect_kept();
  }
  const Outcome restart = box_.ctl({"restart", "api"}), doctor = box_.ctl({"doctor", "api"});
  EXPECT_EQ(1, restart.code) << restart.all();
  EXPECT_TRUE(has(restart.err, "spec.json")) << restart.all();
  EXPECT_TRUE(has(doctor.out, "its keeper goes on with what it has read before")) << doctor.all();
  expect_kept();
  expect_stoppable();
  const Outcome start = box_.ctl({"start", "api"});
  EXPECT_EQ(1, start.code) << start.all();
  EXPECT_TRUE(has(start.err, "spec.json") && has(start.err, "'keeper -d -n api PROGRAM' defines it anew"))
      << start.all();
}

TEST_F(Damaged, ASpecThatIsEditedInPlaceWaitsForAReload) {
  keep();
  string text = read_text(record("spec.json"));
  const auto at = text.find("\"3s\"");  // --stop-timeout
  ASSERT_NE(string::npos, at);
  overwrite(record("spec.json"), text.replace(at, 4, "\"7s\""));
  kill(*before_.keeper_pid, SIGKILL);
  EVENTUALLY(!alive(*before_.keeper_pid));
  expect_kept();
  const Outcome out = box_.ctl({"reload", "api"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.all(), "stop_timeout")) << out.all();
}

// --- a keeper that cannot begin

/// Damages the spec that the guard holds for the next keeper, a file without a name.
void damage_held_spec(int guard) {
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(guard) + "/fd")) {
    struct stat st {};
    if (stat(entry.path().c_str(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 0) continue;
    Fd file(open(entry.path().c_str(), O_WRONLY | O_CLOEXEC));
    if (st.st_size > 0) {
      ASSERT_EQ(7, pwrite(file.get(), "rubbish", 7, 0));
    }
  }
}

class CannotBegin : public Damaged {
 protected:
  void fail_to_begin() {
    keep();
    damage_held_spec(*before_.guard_pid);
    kill(*before_.keeper_pid, SIGKILL);
    Home home = box_.open_home();
    EVENTUALLY([&] {
      auto written = home.read_status("api");
      return written && written->state == State::unreachable;
    }());
  }
};

TEST_F(CannotBegin, AKeeperSaysWhyInLogListAndDoctorAndIsStopped) {
  fail_to_begin();
  EVENTUALLY(box_.logged("api", "its keeper cannot begin: cannot read "));
  EXPECT_EQ(1, count_of(box_.log("api"), "cannot begin")) << "once, however often it is tried";
  const Outcome list = box_.ctl({"list", "api", "--timeout", "200ms"}),
                doctor = box_.ctl({"doctor", "api", "--timeout", "200ms"}),
                start = box_.ctl({"start", "api", "--timeout", "400ms"});
  EXPECT_EQ(5, list.code) << list.all();
  EXPECT_TRUE(has(list.out, std::to_string(pid_)) && has(list.out, "unreachable")) << list.all();
  EXPECT_TRUE(has(list.err, "its keeper cannot begin: ") && has(list.err, "'ctl stop api'")) << list.all();
  EXPECT_TRUE(has(doctor.out, "its keeper cannot begin: ") && has(doctor.out, "'ctl stop api'"))
      << doctor.all();
  EXPECT_EQ(5, start.code) << start.all();
  EXPECT_TRUE(has(start.err, "its keeper cannot begin: ")) << start.all();
  EXPECT_EQ(1, copies());
  expect_stoppable();
  EXPECT_EQ("stopped", box_.state("api"));
  EXPECT_EQ(0, box_.ctl({"start", "api"}).code) << "the record itself is whole";
}

TEST_F(CannotBegin, AnAppWithoutAProgramIsStoppedAllTheSame) {
  fail_to_begin();
  kill(pid_, SIGKILL);
  EVENTUALLY(!alive(pid_));
  expect_stoppable();
  EXPECT_EQ("stopped", box_.state("api"));
}

// --- all of it at random

int number_of(const char* variable, int standard) {
  const char* text = std::getenv(variable);
  return text == nullptr ? standard : std::atoi(text);
}

/// Damages records, kills halves and the program, asks and commands, in any order. KEEPER_DAMAGE_SEED is the
/// first seed, KEEPER_DAMAGE_STEPS how many steps each takes.
class DamagedAtRandom : public Damaged, public testing::WithParamInterface<int> {
 protected:
  std::size_t any(std::size_t count) { return random_() % count; }

  void damage_one() {
    const char* const names[] = {"state", "status.json", "pid", "spec.json"};
    const fs::path path = record(names[any(std::size(names))]);
    const Damage& damage = kDamages[any(std::size(kDamages))];
    note("damage " + path.filename().string() + " " + damage.name);
    fs::remove_all(path.string() + ".target");
    if (fs::is_regular_file(fs::symlink_status(path))) damage.to(path);
  }

  void kill_some() {
    const Status now = box_.status("api").value_or(Status());
    const std::size_t which = any(4);
    note("kill " + std::to_string(which));
    if (which == 0 && now.keeper_pid) kill(*now.keeper_pid, SIGKILL);
    if (which == 1 && now.guard_pid) kill(*now.guard_pid, SIGKILL);
    if (which == 2) box_.kill_keeper("api");
    if (which == 3 && now.pid) kill(*now.pid, SIGKILL);
  }

  void command() {
    const char* const words[] = {"start", "stop", "restart", "list", "doctor", "signal"};
    const string word = words[any(std::size(words))];
    const Outcome out = word == "signal" ? box_.ctl({word, "CONT", "api"}) : box_.ctl({word, "api"});
    note("ctl " + word + ": " + std::to_string(out.code) + " " + out.err);
    if (word == "stop" && out.code == 0) {
      EXPECT_EQ(0, copies()) << trace_;
    }
  }

  void define() {
    const string script = "echo $$ >> '" + (box_.work() / "starts").string() + "'; exec sleep 1000";
    const Outcome out =
        box_.keeper({"-d", "-n", "api", "--start-secs", "0", "--stop-timeout", "3s", "sh", "-c", script});
    note("keeper -d: " + std::to_string(out.code) + " " + out.err);
  }

  int living() const {
    for (const string& line : lines_of(read_text(box_.work() / "starts")))
      if (alive(std::atoi(line.c_str()))) return std::atoi(line.c_str());
    return 0;
  }

  void note(const string& what) { trace_ += what + (what.ends_with('\n') ? "" : "\n"); }

  std::minstd_rand random_;
  string trace_;
};

TEST_P(DamagedAtRandom, ThereIsOneProgramAtMostInSightAndStoppable) {
  const int seed = number_of("KEEPER_DAMAGE_SEED", 1) + GetParam();
  random_.seed(static_cast<unsigned>(seed));
  SCOPED_TRACE("KEEPER_DAMAGE_SEED=" + std::to_string(seed));
  define();
  for (int step = 0; step < number_of("KEEPER_DAMAGE_STEPS", 20) && !HasFailure(); ++step) {
    const std::size_t what = any(10);
    what < 4 ? damage_one() : what < 6 ? kill_some() : what < 9 ? command() : define();
    EXPECT_LE(copies(), 1) << trace_;
    EXPECT_TRUE(eventually([&] { return living() == 0 || box_.pid("api") == living(); })) << trace_;
  }
  if (living() != 0) {
    const Outcome out = box_.ctl({"stop", "api"});
    EXPECT_TRUE(out.code == 0 || living() == 0) << out.all() << trace_;
  }
  EXPECT_EQ(0, copies()) << trace_;
}

INSTANTIATE_TEST_SUITE_P(Seeds, DamagedAtRandom, testing::Range(0, 3));

}  // namespace
}  // namespace keeper
