// A world of a test's own: a home, the real programs, and an end to everything that was started in it.
//
// The test is made the subreaper of all it starts (prctl(2)): what detaches itself comes back as its child,
// so "what is left" is a walk down from this process and misses nothing. Zombies do not count as left; they
// are taken away here.
//
// Nothing here sleeps and hopes: a test waits for a condition (eventually), with a limit that only a failure
// reaches.
#pragma once
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "protocol/client/client.hpp"
#include "protocol/client/fleet.hpp"

namespace keeper {

using Words = std::vector<std::string>;

inline constexpr Millis kLimit{15'000};

/// Asks until it is so; false if it was not within `limit`.
bool eventually(const std::function<bool()>& condition, Millis limit = kLimit);
#define EVENTUALLY(...) ASSERT_TRUE(keeper::eventually([&] { return (__VA_ARGS__); })) << #__VA_ARGS__

/// Milliseconds of CLOCK_MONOTONIC.
Millis now();
/// KEEPER_TEST_REPEAT, or `standard` where it is not set.
int repeats(int standard);
/// Built with the address sanitizer: several times slower, and memory means nothing.
bool sanitized();

bool alive(int pid);  ///< no zombie, nor about to be one
std::string read_text(const std::filesystem::path& path);
void write_text(const std::filesystem::path& path, std::string_view text, int mode = 0600);
std::vector<std::string> lines_of(const std::string& text);
bool has(const std::string& text, std::string_view part);
int count_of(const std::string& text, std::string_view part);

/// A finished command.
struct Outcome {
  int code = -1;  ///< as a shell gives it
  std::string out;
  std::string err;
  Millis took{0};
  std::string all() const { return out + err; }
};

/// How a process is started.
struct Start {
  Words words;
  bool terminal = false;  ///< a pseudo-terminal of its own is its 0, 1 and 2
  int in = -1;            ///< descriptors to use instead of /dev/null and files; stay the caller's
  int out = -1;
  int err = -1;
  std::filesystem::path directory{};  ///< instead of the sandbox's work/
  std::map<std::string, std::string> environment{};
  std::function<void()> before{};  ///< done in the new process, before its exec
};

class Sandbox;

/// A process that runs beside the test. Its Sandbox must live on.
class Background {
 public:
  int pid() const { return pid_; }
  /// What it has written so far; at a terminal all is `out`.
  std::string out();
  std::string err() const;
  /// Its exit code as a shell gives it, if it ends within `limit`.
  std::optional<int> wait(Millis limit = kLimit);
  bool running() { return !wait(Millis(0)).has_value(); }
  void signal(int number) const;
  void type(std::string_view keys) const;
  /// Closes the terminal.
  void hang_up() { terminal_.reset(); }

 private:
  friend class Sandbox;
  void take_screen();
  Sandbox* box_ = nullptr;
  int pid_ = 0;
  std::filesystem::path out_, err_;
  Fd terminal_;
  std::string screen_;
};

/// Its processes may be started and waited for by several threads.
class Sandbox {
 public:
  Sandbox();
  /// Ends everything, and fails the test if `ctl stop all` left anything.
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path home() const { return root_ / "home"; }
  std::filesystem::path work() const { return root_ / "work"; }  ///< the working directory of what is run

  Background start(const Start& how);
  Outcome run(const Start& how, Millis limit = Millis(60'000));
  Outcome keeper(Words words);
  Outcome ctl(Words words);
  /// keeper -d -n STEM with short times, and then these words; fails the test if it does not start.
  void detach(const std::string& name, Words words);
  /// keeper in the foreground with short times; waits until the program runs.
  Background foreground(const std::string& name, Words words, Start how = {});

  /// What `ctl` would say of it: by its keeper, else by its record. Nothing: no such app.
  std::optional<Status> status(const std::string& stem) const;
  std::string state(const std::string& stem) const;  ///< "running"; empty without one
  int pid(const std::string& stem) const;            ///< of the child, 0 without one
  int keeper_pid(const std::string& stem) const;
  int guard_pid(const std::string& stem) const;
  /// Whether there is a program, and another than that one.
  bool runs_another(const std::string& stem, int than) const;
  /// kill -9 of keeper and guard at once, so that neither can start the other anew. Returns when both are
  /// gone; the keeper's pid.
  int kill_keeper(const std::string& stem);
  bool ended(const std::string& stem) const;  ///< no socket, no lock
  Home open_home() const;

  std::filesystem::path log_path(const std::string& stem) const { return home() / "logs" / (stem + ".log"); }
  std::string log(const std::string& stem) const { return read_text(log_path(stem)); }
  bool logged(const std::string& stem, std::string_view text) const { return has(log(stem), text); }
  /// The pid after "WORD " in a log, once it is there; 0 if it does not come.
  int logged_pid(const std::string& stem, const std::string& word) const;

  /// Every living process that comes from this test.
  std::vector<int> processes();
  /// For a test by root: what is started in it by nobody (as_nobody) can write there.
  void give_to_nobody() const;
  /// For a test that leaves a process on purpose.
  void may_leave() { may_leave_ = true; }

 private:
  friend class Background;
  void reap();
  std::optional<int> wait_status(int pid);
  void stop_everything();
  void kill_everything();
  void show();
  [[noreturn]] void become(const Start& how, const Background& background) const;

  std::filesystem::path root_;
  bool may_leave_ = false;
  std::atomic<int> count_ = 0;
  std::mutex mutex_;                           ///< of started_, from the fork to its entry
  std::map<int, std::optional<int>> started_;  ///< pid to wait status
};

/// What root starts as nobody (tests/support/nobody.hpp).
Start as_nobody(Words words);

/// For Start::before: `place` is a disk of its own (tmpfs(5), `options` as of mount(8)) to this process and
/// what it starts (mount_namespaces(7)). Where this machine gives no mounts to who runs this test it ends
/// with kNoMounts.
void have_a_disk(const std::filesystem::path& place, const char* options);
inline constexpr int kNoMounts = 99;

std::string program(const char* name);  ///< keeper, ctl
std::string child(const char* name);    ///< a small program to supervise
std::string describe(int pid);          ///< "1234 (keeper: api)"

}  // namespace keeper
