// Records that somebody has damaged: no second copy is started, the first one stays in sight and can be
// stopped.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"

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
    const string script = "echo $$ >> " + (box_.work() / "starts").string() + "; exec sleep 1000";
    options.insert(options.end(), {"sh", "-c", script});
    box_.detach("api", options);
    pid_ = box_.pid("api");
    Home home = box_.open_home();
    ASSERT_TRUE(eventually([&] {
      auto written = home.read_status("api");
      return written && written->pid == pid_ && written->ready && fs::exists(record("pid"));
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
  // It is whole again for who comes next.
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

}  // namespace
}  // namespace keeper
