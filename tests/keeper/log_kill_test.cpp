// A keeper is killed at every system call on a log's way, as the call begins and as it returns, in each
// format, while the program writes lines of all lengths through rotations: nothing is lost, nothing is cut,
// and nothing is there twice. The next keeper continues within a piece of a long line as the killed one
// would.
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "tests/keeper/support/faulty.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using faults::Act;
using faults::Call;
using std::string;

constexpr std::uint32_t kLines = 20;  // that are written at a time: some 200 KB

/// The calls that write, rotate, pack and read back a log.
constexpr Call kOfLogs[] = {Call::tee,       Call::read,  Call::splice,       Call::pwrite, Call::renameat2,
                            Call::ftruncate, Call::pread, Call::open,         Call::openat, Call::fdopendir,
                            Call::close,     Call::mmap,  Call::fcntl,        Call::fstat,  Call::unlinkat,
                            Call::unlink,    Call::write, Call::memfd_create, Call::pipe2,  Call::sendmsg,
                            Call::renameat};

struct Format {
  const char* name;
  const char* join;  ///< null: none
  bool packed = false;
};

/// One piece of a line, or of a record, as it is in a log.
struct Piece {
  string text;
  bool partial = false, continued = false;
};

bool cut(string& text, const string& what, bool in_front) {
  const bool there = in_front ? text.starts_with(what) : text.ends_with(what);
  if (there) text.erase(in_front ? 0 : text.size() - what.size(), what.size());
  return there;
}

Piece piece_of(const string& line) {
  Piece out{text_of(line)};
  if (line.starts_with('{')) {
    out.partial = has(line.substr(0, 200), "\"partial\":true");
    out.continued = has(line.substr(0, 200), "\"continued\":true");
    for (auto at = out.text.find("\\n"); at != string::npos; at = out.text.find("\\n", at))
      out.text.replace(at, 2, "\n");
  } else {
    out.partial = cut(out.text, " [partial]", false);
    out.continued = cut(out.text, "[continued] ", true);
  }
  return out;
}

/// In `time` the later lines of a record have no time of their own.
bool begins_record(const string& line) {
  return line.starts_with('{') || (line.starts_with("20") && line.find('T') == 10);
}

std::vector<Piece> pieces_in(const string& log) {
  std::vector<Piece> out;
  string record;
  auto end = [&] {
    const bool own =
        has(record.substr(0, 100), "[keeper] ") || has(record.substr(0, 100), R"("stream":"keeper")");
    if (!record.empty() && !own) out.push_back(piece_of(record));
    record.clear();
  };
  for (const string& line : lines_of(log)) {
    if (begins_record(line)) end();
    record += (record.empty() ? "" : "\n") + line;
  }
  end();
  return out;
}

/// Returns what a backup holds, packed or not.
string content_of_backup(const fs::path& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  string out;
  std::vector<char> bytes(1 << 20);
  for (int got = 0;
       file && (got = gzread(file.get(), bytes.data(), static_cast<unsigned>(bytes.size()))) > 0;)
    out.append(bytes.data(), static_cast<std::size_t>(got));
  return out;
}

/// Returns the files of a log whose backups may be packed, oldest first. A backup that is there both ways was
/// just packed.
std::vector<fs::path> files_packed_or_not(const fs::path& log) {
  std::vector<fs::path> out{log};
  for (int number = 1, missing = 0; missing < 4; ++number) {
    const string plain = log.string() + "." + std::to_string(number), packed = plain + ".gz";
    missing = fs::exists(packed) || fs::exists(plain) ? 0 : missing + 1;
    if (missing == 0) out.emplace_back(fs::exists(packed) ? packed : plain);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

/// A program that writes under a keeper which is killed again and again.
class Writes {
 public:
  explicit Writes(const Format& format) : format_(format), plan_(box_), steps_(box_.work() / "steps") {
    Words words = {"--log-format", format.name, "--log-max-size", "150K", "--log-backups", "9999"};
    if (format.join != nullptr) words.insert(words.end(), {"--log-join", format.join});
    if (format.packed) words.emplace_back("--log-compress");
    words.insert(words.end(), {child("steps"), box_.work().string(), "varied"});
    how_ = faulty(box_, words);
    EXPECT_EQ(0, box_.run(how_).code);
    program_ = box_.pid("life");
  }

  /// The n-th of these calls from now on is the last one of the half that makes it. False: it was not made.
  bool last_call(Call call, std::uint32_t nth, Act act) {
    // The guard waits before it replaces a keeper that dies at once: this one is at work first.
    const std::uint32_t looks = this->looks();
    steps_->goal += kLines;
    EXPECT_TRUE(eventually([&] { return this->looks() > looks; }, kStep));
    const std::uint32_t before = plan_->fired;
    plan_->call = static_cast<std::uint32_t>(call);
    plan_->use = plan_->used[static_cast<std::uint32_t>(call)] + nth;
    plan_->act = act;
    const bool fired = write_until([&] { return plan_->fired > before; });
    plan_->act = Act::none;
    return fired;
  }
  /// The disk takes so many bytes more of the log.
  void leave_room(std::int64_t bytes) {
    plan_->room = bytes;
    plan_->is_full = true;
  }
  void make_room() { plan_->is_full = false; }
  /// Nothing waits for the log in memory.
  bool nothing_waits() {
    const auto app = box_.status("life");
    return app && !app->logs.empty() && app->logs.front().waiting == 0;
  }
  /// Both halves are dead: the next two.
  void go_on() {
    Outcome out;
    ASSERT_TRUE(eventually([&] {
      out = box_.run(how_);
      return out.code == 0;
    })) << out.all();
  }
  /// All that was written is in the log.
  void end() {
    ASSERT_TRUE(write_until({})) << steps_->said << " of " << steps_->goal;
    EXPECT_EQ(program_, box_.pid("life"));
    const Outcome out = box_.ctl({"stop", "life"});
    ASSERT_EQ(0, out.code) << out.all();
  }

  string expected() {
    string out;
    for (std::uint32_t number = 1; number <= steps_->said; ++number)
      out += varied_line(number);
    return out;
  }
  string log() {
    string out;
    for (const fs::path& file : files_packed_or_not(box_.log_path("life")))
      out += content_of_backup(file);
    return out;
  }
  /// The output of the program as the log has it.
  string written() {
    if (raw()) return output_in(log());
    string out;
    for (const Piece& piece : pieces_in(log()))
      out += piece.text + (piece.partial ? "" : "\n");
    return out;
  }
  bool raw() const { return format_.name == string("raw"); }

  void expect_every_line_once() {
    // In joined records nothing says whether a piece ends with its line.
    if (format_.join != nullptr)
      expect_same(without_ends(expected()), without_ends(written()));
    else
      expect_same(expected(), written());
    if (!raw()) expect_pieces_follow_each_other();
    for (const fs::path& file : files_packed_or_not(box_.log_path("life"))) {
      const string content = content_of_backup(file);
      EXPECT_TRUE(content.empty() || content.ends_with('\n')) << "a line is cut at the end of " << file;
    }
  }

 private:
  /// Writes lines until it is so, or (an empty `over`) all of them are written; false: they were, and it is
  /// not so.
  bool write_until(const std::function<bool()>& over) {
    for (int time = 0; time < (over ? 3 : 1); ++time) {
      const std::uint32_t goal = steps_->goal + kLines;
      steps_->goal = goal;
      const bool done = eventually([&] { return steps_->said == goal || (over && over()); }, kStep);
      if (!over || !done) return done;
      if (over()) return true;
    }
    return false;
  }
  /// At what is in the pipe.
  std::uint32_t looks() {
    return plan_->used[static_cast<std::uint32_t>(Call::tee)] +
           plan_->used[static_cast<std::uint32_t>(Call::splice)];
  }
  static string without_ends(string text) {
    std::erase(text, '\n');
    return text;
  }
  void expect_pieces_follow_each_other() {
    Piece before;
    for (const Piece& piece : pieces_in(log())) {
      if (format_.join == nullptr || before.partial) {
        ASSERT_EQ(before.partial, piece.continued) << before.text.substr(0, 60) << "\n"
                                                   << piece.text.substr(0, 60);
      }
      before = piece;
    }
    EXPECT_FALSE(before.partial);
  }

  const Format format_;
  Sandbox box_;
  Start how_;
  PlanOf plan_;
  Shared<Steps> steps_;
  int program_ = 0;
};

class OfALog : public testing::TestWithParam<Format> {};

TEST_P(OfALog, EveryCallMayBeTheLastOfAKeeper) {
  NEEDS_KEEPER_FAULTY();
  Writes program(GetParam());
  int kills = 0;
  for (Call call : kOfLogs) {
    if (!program.last_call(call, 1, Act::kill)) continue;  // not on the way of this log
    ++kills;
    for (std::uint32_t nth : {1, 2, 3, 5})
      for (Act act : {Act::kill, Act::kill_after})
        if ((nth > 1 || act != Act::kill) && program.last_call(call, nth, act)) ++kills;
  }
  EXPECT_GT(kills, 40);
  program.end();
  program.expect_every_line_once();
}

/// Some of what is written goes into the file, and the rest waits in memory; then it goes into the file too.
TEST_P(OfALog, EveryCallMayBeTheLastOfAKeeperWhoseDiskIsFull) {
  NEEDS_KEEPER_FAULTY();
  if (GetParam().join != nullptr || GetParam().packed) GTEST_SKIP() << "the same as without";
  Writes program(GetParam());
  int full = 0, sent = 0;
  for (Call call : {Call::read, Call::splice, Call::pwrite, Call::fallocate, Call::ftruncate})
    for (std::uint32_t nth : {1, 3})
      for (Act act : {Act::kill, Act::kill_after}) {
        program.leave_room(30'000 * nth);
        if (program.last_call(call, nth, act)) ++full;
        program.make_room();
        if (program.last_call(call, nth, act)) ++sent;
        EVENTUALLY(program.nothing_waits());
      }
  EXPECT_GT(full, 7);
  EXPECT_GT(sent, 7);
  program.end();
  program.expect_every_line_once();
}

/// Counts the parts of `expected` that `written` repeats; -1 if they differ in anything else.
int repeats_in(const string& written, const string& expected) {
  int out = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (at < expected.size() && written[i] == expected[at]) {
      ++at;
      continue;
    }
    const std::size_t known = expected.rfind(written.substr(i, 60), at);
    if (known == string::npos) return -1;
    at = known + 1;
    ++out;
  }
  return at == expected.size() ? out : -1;
}

/// Then only the pipe and the page are left. What was being taken out of the one may be written twice.
TEST_P(OfALog, EveryCallMayBeTheLastOfBothHalves) {
  NEEDS_KEEPER_FAULTY();
  if (GetParam().join != nullptr || GetParam().packed) GTEST_SKIP() << "the same as without";
  Writes program(GetParam());
  int doubtful = 0;
  for (Call call : {Call::tee, Call::read, Call::splice, Call::pwrite, Call::renameat2, Call::open})
    for (std::uint32_t nth : {1, 2, 3}) {
      if (!program.last_call(call, nth, Act::kill_both)) continue;
      if (call == Call::splice) ++doubtful;
      program.go_on();
      if (HasFatalFailure()) return;
    }
  program.end();
  const int repeats = repeats_in(program.written(), program.expected());
  EXPECT_GE(repeats, 0) << "something is lost";
  EXPECT_LE(repeats, doubtful);
  if (repeats == 0) program.expect_every_line_once();
}

INSTANTIATE_TEST_SUITE_P(LogKills, OfALog,
                         testing::Values(Format{"raw", nullptr}, Format{"time", nullptr},
                                         Format{"json", nullptr}, Format{"time", "^[0-9]"},
                                         Format{"json", "^[0-9]"}, Format{"raw", nullptr, true},
                                         Format{"json", nullptr, true}),
                         [](const auto& one) {
                           return string(one.param.name) + (one.param.join != nullptr ? "_joined" : "") +
                                  (one.param.packed ? "_packed" : "");
                         });

}  // namespace
}  // namespace keeper
