// Black-box cases: cases/*.txt are command lines, what they print, and their exit codes.
//
//   # a comment
//   $ ctl stop nobody
//   ctl: cannot stop nobody: no such app in HOME
//   ? 4
//
// Each command is run by sh in a home of the case's own, with stdout and stderr in one. Without a "? N" line
// it is to exit with 0. What differs from run to run is made the same first (normalised). The shell has some
// words of its own (cases/words.sh), among them `await`, which waits for a condition. Whatever a case leaves
// running is killed: every process whose environment names its home.
#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace {

namespace fs = std::filesystem;
using std::string;

const fs::path kCases = fs::path(TEST_DATA) / "cases";

string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Step {
  int line = 0;  ///< in the file
  string command;
  string expected;
  int exit_code = 0;
};

std::vector<Step> read_case(const fs::path& path) {
  std::vector<Step> steps;
  std::istringstream file(read_text(path));
  int number = 0;
  for (string line; std::getline(file, line);) {
    ++number;
    if (line.starts_with("$ "))
      steps.push_back({number, line.substr(2), "", 0});
    else if (line.starts_with("? ") && !steps.empty())
      steps.back().exit_code = std::stoi(line.substr(2));
    else if (!line.empty() && !line.starts_with("#") && !steps.empty())
      steps.back().expected += line + "\n";
  }
  return steps;
}

/// Times, durations, sizes and pids as words; runs of spaces as one, for a column is as wide as its widest
/// number.
string normalised(string text, const string& home) {
  for (std::size_t at; (at = text.find(home)) != string::npos;)
    text.replace(at, home.size(), "HOME");
  const std::pair<const char*, const char*> rules[] = {
      {R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)", "TIME"},
      {R"(\b(\d+d\d\dh|\d+h\d\dm|\d+m\d\ds|\d+(\.\d+)?m?s)\b)", "DURATION"},
      {R"(\b\d+\.\d%)", "CPU%"},
      {R"(\b\d+(\.\d+)?[BKMG]\b)", "SIZE"},
      {R"(\b\d\d+\b)", "PID"},
      {R"(  +)", " "},
      {R"( +\n)", "\n"},
  };
  for (const auto& [pattern, word] : rules)
    text = std::regex_replace(text, std::regex(pattern), string(word) == "\n" ? "\n" : word);
  return text;
}

/// The home of one case, and an end to everything that was started in it.
class World {
 public:
  World() {
    string name = (fs::temp_directory_path() / "ctl-case-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) root_ = name;
    fs::create_directory(root_ / "work");
  }
  ~World() {
    while (kill_all())
      usleep(1000);
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  World(const World&) = delete;

  string home() const { return (root_ / "home").string(); }

  /// Output and exit code.
  std::pair<string, int> run(const string& command) const {
    fs::path output = root_ / "output";
    pid_t pid = fork();
    if (pid == 0) become_shell(command, output);
    int status = 0;
    waitpid(pid, &status, 0);
    return {read_text(output), WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
  }

  string logs() const {
    string out;
    std::error_code ignored;
    for (const auto& file : fs::directory_iterator(root_ / "home" / "logs", ignored))
      out += "--- " + file.path().filename().string() + "\n" + read_text(file.path());
    return out;
  }

 private:
  [[noreturn]] void become_shell(const string& command, const fs::path& output) const {
    setenv("KEEPER_HOME", home().c_str(), 1);
    string path = string(BIN_DIR ":") + getenv("PATH");
    setenv("PATH", path.c_str(), 1);
    unsetenv("NO_COLOR");
    if (chdir((root_ / "work").c_str()) != 0 || freopen("/dev/null", "r", stdin) == nullptr) _exit(125);
    if (freopen(output.c_str(), "w", stdout) == nullptr) _exit(125);
    dup2(STDOUT_FILENO, STDERR_FILENO);
    string script = ". " + (kCases / "words.sh").string() + "\n" + command;
    execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
    _exit(125);
  }

  /// Whether there was anything left. A process that began between two looks is seen by the next one.
  bool kill_all() const {
    bool any = false;
    std::error_code ignored;
    string mark = "KEEPER_HOME=" + home();
    for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
      string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != string::npos) continue;
      string environment = read_text(entry.path() / "environ");
      if (environment.find(mark + '\0') == string::npos) continue;
      any = true;
      kill(std::stoi(name), SIGKILL);
    }
    return any;
  }

  fs::path root_;
};

std::vector<string> names_of_cases() {
  std::vector<string> out;
  for (const auto& file : fs::directory_iterator(kCases))
    if (file.path().extension() == ".txt") out.push_back(file.path().stem());
  std::sort(out.begin(), out.end());
  return out;
}

class Case : public testing::TestWithParam<string> {};

TEST_P(Case, RunsAsWritten) {
  std::vector<Step> steps = read_case(kCases / (GetParam() + ".txt"));
  ASSERT_FALSE(steps.empty());
  World world;
  for (const Step& step : steps) {
    auto [output, code] = world.run(step.command);
    string where = GetParam() + ".txt:" + std::to_string(step.line) + ": $ " + step.command + "\n";
    EXPECT_EQ(step.expected, normalised(output, world.home())) << where << output << world.logs();
    EXPECT_EQ(step.exit_code, code) << where << output << world.logs();
    if (HasFailure()) return;  // what follows builds on it
  }
}

INSTANTIATE_TEST_SUITE_P(Ctl, Case, testing::ValuesIn(names_of_cases()),
                         [](const auto& one) { return one.param; });

}  // namespace
