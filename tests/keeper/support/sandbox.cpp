#include "tests/keeper/support/sandbox.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/home.hpp"
#include "tests/support/nobody.hpp"

extern char** environ;

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

int shell_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int file_for(const fs::path& path) {
  return open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

}  // namespace

bool eventually(const std::function<bool()>& condition, Millis limit) {
  Deadline deadline(limit);
  for (useconds_t pause = 500;; pause = std::min<useconds_t>(pause * 2, 10'000)) {
    if (condition()) return true;
    if (deadline.passed()) return false;
    usleep(pause);
  }
}

Millis now() {
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch());
}

int repeats(int standard) {
  const char* text = std::getenv("KEEPER_TEST_REPEAT");
  return text == nullptr ? standard : std::atoi(text);
}

bool sanitized() {
  static const bool is = std::getenv("KEEPER_TEST_SANITIZED") != nullptr;
  return is;
}

/// PF_EXITING (linux/sched.h) of the ninth field of proc_pid_stat(5): its descriptors and locks may be gone
/// already, its number not yet.
static bool is_exiting(int pid) {
  const string stat = read_text("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = stat.rfind(')');
  unsigned flags = 0;
  return name_end == string::npos ||
         (std::sscanf(stat.c_str() + name_end + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
          (flags & 4) != 0);
}

bool alive(int pid) {
  return pid > 0 && process_start(pid).has_value() && !is_exiting(pid);
}

string read_text(const fs::path& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  string out;
  char chunk[64 * 1024];
  for (ssize_t got = 0; file && (got = read(file.get(), chunk, sizeof chunk)) > 0;)
    out.append(chunk, static_cast<std::size_t>(got));
  return out;
}

void write_text(const fs::path& path, std::string_view text, int mode) {
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  ssize_t put = write(file.get(), text.data(), text.size());
  EXPECT_EQ(static_cast<ssize_t>(text.size()), put) << path;
  fchmod(file.get(), static_cast<mode_t>(mode));
}

std::vector<string> lines_of(const string& text) {
  std::vector<string> out;
  for (std::size_t from = 0; from < text.size();) {
    std::size_t end = std::min(text.find('\n', from), text.size());
    out.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

bool has(const string& text, std::string_view part) {
  return text.find(part) != string::npos;
}

int count_of(const string& text, std::string_view part) {
  int count = 0;
  for (auto at = text.find(part); at != string::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

string program(const char* name) {
  const char* dir = std::getenv("KEEPER_TEST_BIN");
  return string(dir ? dir : BIN_DIR) + '/' + name;
}

string child(const char* name) {
  return string(CHILDREN_DIR "/") + name;
}

string describe(int pid) {
  string line = read_text("/proc/" + std::to_string(pid) + "/cmdline");
  std::replace(line.begin(), line.end(), '\0', ' ');
  return std::to_string(pid) + " (" + line + ")";
}

Start as_nobody(Words words) {
  Start how{std::move(words)};
  how.before = become_nobody;
  return how;
}

void have_a_disk(const fs::path& place, const char* options) {
  const string user = std::to_string(getuid()), group = std::to_string(getgid());
  bool alone = unshare(CLONE_NEWNS) == 0;
  if (!alone && unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
    // Files are made by a user and a group that are in the maps (user_namespaces(7)).
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", user + " " + user + " 1");
    write_text("/proc/self/gid_map", group + " " + group + " 1");
    alone = true;
  }
  if (!alone || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("small", place.c_str(), "tmpfs", 0, options) != 0)
    _exit(kNoMounts);
}

// --- Background
// --------------------------------------------------------------------------------------------------------

std::optional<int> Background::wait(Millis limit) {
  bool ended = eventually(
      [this] {
        take_screen();
        return box_->wait_status(pid_).has_value();
      },
      limit);
  if (!ended) return std::nullopt;
  take_screen();
  return shell_code_of(*box_->wait_status(pid_));
}

void Background::take_screen() {
  char chunk[4096];
  for (ssize_t got = 0; terminal_ && (got = read(terminal_.get(), chunk, sizeof chunk)) > 0;)
    screen_.append(chunk, static_cast<std::size_t>(got));
}

string Background::out() {
  take_screen();
  return out_.empty() ? screen_ : read_text(out_);
}

string Background::err() const {
  return err_.empty() ? string() : read_text(err_);
}

void Background::signal(int number) const {
  kill(pid_, number);
}

void Background::type(std::string_view keys) const {
  EXPECT_EQ(static_cast<ssize_t>(keys.size()), write(terminal_.get(), keys.data(), keys.size()));
}

// --- Sandbox
// -----------------------------------------------------------------------------------------------------------

Sandbox::Sandbox() {
  string name = (fs::temp_directory_path() / "keeper-test-XXXXXX").string();
  EXPECT_NE(nullptr, mkdtemp(name.data()));
  root_ = name;
  fs::create_directory(work());
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  // A test that kills pid 0, for a process that it did not find, means its group (kill(2)): not ctest's.
  // The user who runs it at a terminal goes on having its keys.
  if (isatty(STDIN_FILENO) == 0) setpgid(0, 0);
}

Sandbox::~Sandbox() {
  if (!processes().empty()) stop_everything();
  if (testing::Test::HasFailure()) show();
  kill_everything();
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

void Sandbox::give_to_nobody() const {
  for (const fs::path& place : {root_, work()})
    EXPECT_EQ(0, chown(place.c_str(), kNobody, kNobody));
}

void Sandbox::reap() {
  std::lock_guard lock(mutex_);
  int status = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    if (auto it = started_.find(pid); it != started_.end()) it->second = status;
}

std::optional<int> Sandbox::wait_status(int pid) {
  reap();
  std::lock_guard lock(mutex_);
  return started_[pid];
}

std::vector<int> Sandbox::processes() {
  reap();
  std::vector<int> found;
  add_children(getpid(), 1, found);
  for (std::size_t i = 0; i < found.size(); ++i)
    add_children(found[i], 0, found);
  std::erase_if(found, [](int pid) { return !alive(pid); });
  return found;
}

/// As a user would; then nothing may be left but what the test itself started and is no keeper.
void Sandbox::stop_everything() {
  if (fs::exists(home())) run({{program("ctl"), "stop", "all", "--timeout", "10s"}}, Millis(30'000));
  auto own = [this](int pid) {
    return started_.contains(pid) && read_text("/proc/" + std::to_string(pid) + "/comm") != "keeper\n";
  };
  std::vector<int> left;
  eventually(
      [&] {
        left = processes();
        std::erase_if(left, own);
        return left.empty();
      },
      Millis(may_leave_ ? 0 : 5'000));
  if (may_leave_) return;
  for (int pid : left)
    ADD_FAILURE() << "left behind: " << describe(pid);
}

void Sandbox::kill_everything() {
  eventually([this] {
    std::vector<int> left = processes();
    for (int pid : left)
      kill(pid, SIGKILL);
    return left.empty();
  });
}

void Sandbox::show() {
  std::error_code ignored;
  for (const char* place : {"home/logs", "home/apps"})
    for (const auto& entry : fs::recursive_directory_iterator(root_ / place, ignored)) {
      if (!entry.is_regular_file() || entry.path().filename() == "spec.json") continue;
      string text = read_text(entry.path());
      if (text.empty()) continue;
      if (text.size() > 3000) text = text.substr(0, 1000) + "\n...\n" + text.substr(text.size() - 2000);
      std::fprintf(stderr, "--- %s\n%s\n", entry.path().c_str(), text.c_str());
    }
  for (int pid : processes())
    std::fprintf(stderr, "--- process %s\n", describe(pid).c_str());
}

void Sandbox::become(const Start& how, const Background& background) const {
  if (!how.terminal) {
    setpgid(0, 0);  // what a test sends to a group is not for the test
    auto use = [](int given, const fs::path& path, int as) {
      int fd = given >= 0 ? given : path.empty() ? open("/dev/null", O_RDONLY) : file_for(path);
      if (dup2(fd, as) < 0) _exit(125);
    };
    use(how.in, "", STDIN_FILENO);
    use(how.out, background.out_, STDOUT_FILENO);
    use(how.err, background.err_, STDERR_FILENO);
  }
  setenv("KEEPER_HOME", home().c_str(), 1);
  for (const auto& [key, value] : how.environment)
    setenv(key.c_str(), value.c_str(), 1);
  if (chdir((how.directory.empty() ? work() : how.directory).c_str()) != 0) _exit(125);
  if (how.before) how.before();
  std::vector<char*> argv;
  for (const string& word : how.words)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(125);
}

Background Sandbox::start(const Start& how) {
  Background out;
  out.box_ = this;
  string number = std::to_string(++count_);
  if (!how.terminal) {
    out.out_ = root_ / ("out." + number);
    out.err_ = root_ / ("err." + number);
  }
  int master = -1;
  std::lock_guard lock(mutex_);
  pid_t pid = how.terminal ? forkpty(&master, nullptr, nullptr, nullptr) : fork();
  if (pid == 0) become(how, out);
  EXPECT_GT(pid, 0) << "fork: " << errno;
  if (master >= 0) {
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(master, F_SETFL, O_NONBLOCK);
    out.terminal_ = Fd(master);
  }
  out.pid_ = pid;
  started_[pid] = std::nullopt;
  return out;
}

Outcome Sandbox::run(const Start& how, Millis limit) {
  Millis began = now();
  Background background = start(how);
  auto code = background.wait(limit);
  EXPECT_TRUE(code.has_value()) << testing::PrintToString(how.words) << " did not end in time";
  if (!code) background.signal(SIGKILL);
  return {code.value_or(-1), background.out(), background.err(), now() - began};
}

Outcome Sandbox::keeper(Words words) {
  words.insert(words.begin(), program("keeper"));
  return run({words});
}

Outcome Sandbox::ctl(Words words) {
  words.insert(words.begin(), program("ctl"));
  return run({words});
}

namespace {

/// Short times first, so that the test's own words win.
Words quick(const std::string& name, const Words& words) {
  Words out = {program("keeper"), "-n",   name, "--start-secs", "0.1", "--stop-timeout", "3s",
               "--kill-timeout",  "500ms"};
  out.insert(out.end(), words.begin(), words.end());
  return out;
}

}  // namespace

void Sandbox::detach(const string& name, Words words) {
  words.insert(words.begin(), "-d");
  Outcome out = run({quick(name, words)});
  ASSERT_EQ(0, out.code) << out.all();
}

Background Sandbox::foreground(const string& name, Words words, Start how) {
  how.words = quick(name, words);
  Background out = start(how);
  EXPECT_TRUE(eventually([&] { return pid(name) > 0 || !out.running(); })) << name << " does not run";
  return out;
}

Home Sandbox::open_home() const {
  auto home = Home::open(this->home().string(), Home::Create::yes);
  EXPECT_TRUE(home) << (home ? "" : home.error().text());
  return std::move(*home);
}

std::optional<Status> Sandbox::status(const string& stem) const {
  auto home = Home::open(this->home().string(), Home::Create::no);
  auto id = AppId::parse(stem);
  if (!home || !id) return std::nullopt;
  auto rows = look_at_fleet(*home, Millis(5'000), [&](const AppId& one) { return one == *id; });
  if (rows.empty()) return std::nullopt;
  return rows.front().status;
}

string Sandbox::state(const string& stem) const {
  auto found = status(stem);
  return found ? string(word_for(found->state)) : string();
}

int Sandbox::pid(const string& stem) const {
  auto found = status(stem);
  return found ? found->pid.value_or(0) : 0;
}

int Sandbox::keeper_pid(const string& stem) const {
  auto found = status(stem);
  return found ? found->keeper_pid.value_or(0) : 0;
}

bool Sandbox::runs_another(const string& stem, int than) const {
  const int now = pid(stem);
  return now > 0 && now != than;
}

int Sandbox::guard_pid(const string& stem) const {
  auto found = status(stem);
  return found ? found->guard_pid.value_or(0) : 0;
}

int Sandbox::kill_keeper(const string& stem) {
  auto found = status(stem);
  const int keeper = found ? found->keeper_pid.value_or(0) : 0,
            guard = found ? found->guard_pid.value_or(0) : 0;
  if (guard > 0) kill(guard, SIGSTOP);
  if (keeper > 0) kill(keeper, SIGKILL);
  if (guard > 0) kill(guard, SIGKILL);
  EXPECT_TRUE(eventually([&] { return (keeper == 0 || !alive(keeper)) && (guard == 0 || !alive(guard)); }));
  return keeper;
}

bool Sandbox::ended(const string& stem) const {
  auto home = open_home();
  return access(home.socket_path(stem).c_str(), F_OK) != 0 && !home.locked(stem);
}

int Sandbox::logged_pid(const string& stem, const string& word) const {
  int found = 0;
  eventually([&] {
    for (const string& line : lines_of(log(stem)))
      if (line.starts_with(word + " ")) found = std::atoi(line.c_str() + word.size() + 1);
    return found > 0;
  });
  return found;
}

}  // namespace keeper
