// Clients that behave badly. Whatever they do: the next client is served, the kept program does not notice,
// and the keeper does not grow for good.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <random>

#include "protocol/wire/codec.hpp"
#include "tests/keeper/support/sandbox.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;

/// A connection that says what it likes.
class Raw {
 public:
  Raw(const Sandbox& box, const string& stem) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    string path = (box.home() / "sock" / (stem + ".sock")).string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  }
  bool connected() const { return connected_; }

  /// As much as is taken within `patience` of the last byte that was.
  std::size_t send(std::string_view bytes, int patience = 300) const {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      ssize_t put = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (put > 0) sent += static_cast<std::size_t>(put);
      pollfd p{fd_.get(), POLLOUT, 0};
      if (put < 0 && (errno != EAGAIN || poll(&p, 1, patience) <= 0)) break;
    }
    return sent;
  }
  /// One line, without its newline; empty if the connection ended or nothing came in time.
  string line(Millis limit = kLimit) {
    Deadline deadline(limit);
    while (true) {
      if (auto end = pending_.find('\n'); end != string::npos) {
        string out = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        return out;
      }
      pollfd p{fd_.get(), POLLIN, 0};
      char chunk[64 * 1024];
      ssize_t got = poll(&p, 1, deadline.left_for_poll()) > 0 ? recv(fd_.get(), chunk, sizeof chunk, 0) : 0;
      if (got <= 0) return {};
      pending_.append(chunk, static_cast<std::size_t>(got));
    }
  }
  /// Whether the keeper closes it.
  bool closed() const {
    return eventually([&] {
      char last_words[4096];
      ssize_t got = recv(fd_.get(), last_words, sizeof last_words, MSG_DONTWAIT);
      return got == 0 || (got < 0 && errno != EAGAIN);
    });
  }

 private:
  Fd fd_;
  bool connected_ = false;
  string pending_;
};

constexpr const char* kPing = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";

bool answers(const Sandbox& box, const string& stem) {
  auto client = Client::connect(box.open_home(), stem);
  return client && static_cast<bool>(client->call(Ping{}, Millis(10'000), "ping"));
}

/// Memory of its own, in kB. What is shared with others and what a file backs is not its growth.
long field_of(int pid, const char* name) {
  string status = read_text("/proc/" + std::to_string(pid) + "/status");
  auto at = status.find(name);
  return at == string::npos ? 0 : std::atol(status.c_str() + at + std::char_traits<char>::length(name) + 1);
}
long anonymous_kb(int pid) {
  return field_of(pid, "RssAnon");
}
long peak_kb(int pid) {
  return field_of(pid, "VmHWM");
}
void reset_peak(int pid) {
  write_text("/proc/" + std::to_string(pid) + "/clear_refs", "5");
}

/// A kept program, and what is to be as before when an attack is over.
struct Target {
  Sandbox box;
  int pid = 0;
  int keeper = 0;
  long anonymous = 0;
  long resident = 0;

  void start() {
    box.detach("api", {"sh", "-c",
                       "i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo a line of the log, number $i; "
                       "done; echo done; exec sleep 1000"});
    ASSERT_TRUE(eventually([&] { return box.logged("api", "done\n") && box.state("api") == "running"; }));
    pid = box.pid("api");
    keeper = box.keeper_pid("api");
    // Once through everything, so that what is needed anyway is there.
    Raw first(box, "api");
    first.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logs\",\"params\":{\"lines\":5000}}\n[1]\nx\n");
    for (int i = 0; i < 3; ++i)
      first.line();
    anonymous = anonymous_kb(keeper);
    resident = field_of(keeper, "VmRSS");
    reset_peak(keeper);
  }
  /// With the attackers still there.
  void still_serves() {
    EXPECT_TRUE(answers(box, "api"));
    EXPECT_EQ(pid, box.pid("api"));
    EXPECT_EQ(keeper, box.keeper_pid("api"));
    EXPECT_TRUE(alive(pid));
    long most = sanitized() ? 1 << 30 : 6 * 1024;
    EXPECT_LT(peak_kb(keeper) - resident, most) << "kB more at the worst moment";
  }
  /// When they have gone.
  void has_not_grown() {
    EXPECT_TRUE(answers(box, "api"));
    EXPECT_EQ(pid, box.pid("api"));
    if (sanitized()) return;
    EXPECT_TRUE(eventually([&] { return anonymous_kb(keeper) - anonymous < 1024; }, Millis(5'000)))
        << anonymous_kb(keeper) - anonymous << " kB more for good";
  }
};

TEST(BadClient, SendsRandomBytes) {
  Target target;
  target.start();
  std::mt19937 random(7);
  {
    std::vector<Raw> clients;
    for (int i = 0; i < 20; ++i) {
      string bytes(64 * 1024, 0);
      for (char& byte : bytes)
        byte = static_cast<char>(random() & 0xff);
      clients.emplace_back(target.box, "api");
      clients.back().send(bytes + "\n");
      EXPECT_TRUE(has(clients.back().line(), "error"));
    }
    target.still_serves();
  }
  target.has_not_grown();
}

TEST(BadClient, SendsTwoMebibytesWithoutANewline) {
  Target target;
  target.start();
  {
    std::vector<Raw> clients;
    for (int i = 0; i < 5; ++i) {
      clients.emplace_back(target.box, "api");
      clients.back().send(string(2 << 20, 'x'));
      EXPECT_TRUE(clients.back().closed());
    }
    target.still_serves();
  }
  target.has_not_grown();
}

TEST(BadClient, IsToldThatItsLineIsTooLong) {
  Target target;
  target.start();
  Raw client(target.box, "api");
  client.send(string((1 << 20) + 10, 'x'));
  EXPECT_TRUE(has(client.line(), "too_large"));
}

TEST(BadClient, NestsAHundredThousandDeep) {
  Target target;
  target.start();
  {
    Raw client(target.box, "api");
    for (int i = 0; i < 20; ++i) {
      client.send(string(100'000, i % 2 == 0 ? '[' : '{') + "\n");
      EXPECT_TRUE(has(client.line(), "error"));
    }
    // It was an error of a line, not of the connection.
    client.send(kPing);
    EXPECT_TRUE(has(client.line(), "\"result\""));
    target.still_serves();
  }
  target.has_not_grown();
}

TEST(BadClient, SendsHalfALineAndIsSilent) {
  Target target;
  target.start();
  {
    std::vector<Raw> clients;
    for (int i = 0; i < 30; ++i) {
      clients.emplace_back(target.box, "api");
      clients.back().send(string("{\"jsonrpc\":\"2.0\",\"id\":1,\"met") + string(20'000, ' '));
    }
    target.still_serves();
  }
  target.has_not_grown();
}

TEST(BadClient, AsksForTheLogAThousandTimesAndNeverReads) {
  Target target;
  target.start();
  {
    std::vector<Raw> clients;
    string request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logs\",\"params\":{\"lines\":5000}}\n";
    string thousand;
    for (int i = 0; i < 1000; ++i)
      thousand += request;
    for (int i = 0; i < 10; ++i) {
      clients.emplace_back(target.box, "api");
      clients.back().send(thousand, 20);
    }
    target.still_serves();
  }
  target.has_not_grown();
}

TEST(BadClient, SendsBatches) {
  Target target;
  target.start();
  {
    Raw client(target.box, "api");
    string ping(kPing);
    ping.pop_back();
    string batch = "[" + ping;
    for (int i = 1; i < 1500; ++i)
      batch += "," + ping;
    client.send(batch + "]\n");
    string answer = client.line();
    EXPECT_TRUE(answer.starts_with("[") && answer.ends_with("]")) << answer.substr(0, 200);
    EXPECT_EQ(1500, count_of(answer, "\"jsonrpc\""));
    string many = "[0";
    for (int i = 0; i < 200'000; ++i)
      many += ",0";
    client.send(many + "]\n");
    EXPECT_TRUE(has(client.line(), "error"));
    target.still_serves();
  }
  target.has_not_grown();
}

TEST(Connections, TheSixtyFifthTakesThePlaceOfTheLongestIdle) {
  Target target;
  target.start();
  {
    std::vector<Raw> clients;
    for (int i = 0; i < 64; ++i) {
      clients.emplace_back(target.box, "api");
      clients.back().send(kPing);
      ASSERT_TRUE(has(clients.back().line(), "\"result\"")) << i;
    }
    Raw another(target.box, "api");
    another.send(kPing);
    EXPECT_TRUE(has(another.line(), "\"result\""));
    EXPECT_TRUE(clients.front().closed());
    clients.back().send(kPing);
    EXPECT_TRUE(has(clients.back().line(), "\"result\""));
    EVENTUALLY(answers(target.box, "api"));
  }
  target.has_not_grown();
}

TEST(Connections, AThousandAtOnceAreBorne) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 1200);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 1200) GTEST_SKIP() << "only " << limit.rlim_cur << " descriptors are allowed";
  Target target;
  target.start();
  {
    std::vector<Raw> clients;
    for (int i = 0; i < 1000; ++i)
      clients.emplace_back(target.box, "api");
    EXPECT_TRUE(std::all_of(clients.begin(), clients.end(), [](const Raw& one) { return one.connected(); }));
    EXPECT_TRUE(alive(target.pid));
    clients.back().send(kPing);
    EXPECT_TRUE(has(clients.back().line(), "\"result\""));
    EXPECT_TRUE(clients.front().closed());
  }
  EVENTUALLY(answers(target.box, "api"));
  target.has_not_grown();
}

/// Connects as nobody, as far as the other side can tell (unix(7), SO_PEERCRED); files are still reached
/// as root.
Raw stranger(const Sandbox& box) {
  EXPECT_EQ(0, seteuid(kNobody));
  setfsuid(0);
  Raw out(box, "api");
  EXPECT_EQ(0, seteuid(0));
  return out;
}

TEST(Connections, OfAnotherUserAreRefusedAndWrittenDown) {
  NEEDS_ROOT();
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  Raw other = stranger(box);
  ASSERT_TRUE(other.connected());
  EXPECT_TRUE(has(other.line(), "only the keeper's own user and root are served"));
  EXPECT_TRUE(other.closed());
  EVENTUALLY(box.logged("api", "refused a client of uid 65534"));
  EXPECT_TRUE(answers(box, "api"));
}

/// So many descriptors (getrlimit(2)); the hard limit is the caller's.
rlimit descriptors(rlim_t count) {
  rlimit out{};
  EXPECT_EQ(0, getrlimit(RLIMIT_NOFILE, &out));
  out.rlim_cur = count;
  return out;
}

/// keeper with so many descriptors and these words.
Start with_descriptors(rlim_t count, const Words& words) {
  Start how{{program("keeper"), "-d", "-n", "api", "--start-secs", "0.1"}};
  how.words.insert(how.words.end(), words.begin(), words.end());
  how.before = [few = descriptors(count)] {
    if (setrlimit(RLIMIT_NOFILE, &few) != 0) _exit(125);
  };
  return how;
}

// The undefined-behaviour sanitizer needs descriptors of its own to look at an object, and reports it
// without.
constexpr const char* kNotSanitized = "a sanitizer needs descriptors itself";

TEST(Descriptors, HoweverFewTheProgramIsNotFoundUnfit) {
  if (sanitized()) GTEST_SKIP() << kNotSanitized;
  for (rlim_t count = 12; count <= 26; ++count) {
    Sandbox box;
    Outcome out = box.run(with_descriptors(count, {"--backoff", "50ms..50ms", "sleep", "1000"}));
    EXPECT_NE(126, out.code) << count << " descriptors: " << out.err;
    EXPECT_FALSE(has(out.err, "neither an executable")) << count << " descriptors: " << out.err;
  }
}

TEST(Descriptors, WhereThereAreTooFewForAProgramItIsTriedUntilThereAreMore) {
  if (sanitized()) GTEST_SKIP() << kNotSanitized;
  Sandbox box;
  ASSERT_EQ(0, box.run(with_descriptors(64, {"--backoff", "50ms..50ms", "sleep", "1000"})).code);
  const rlimit few{21, descriptors(64).rlim_max};
  ASSERT_EQ(0, prlimit(box.keeper_pid("api"), RLIMIT_NOFILE, &few, nullptr));
  kill(box.pid("api"), SIGKILL);
  EVENTUALLY(box.state("api") == "backoff");
  EVENTUALLY(has(box.status("api")->spawn_error.value_or(""), "Too many open files"));
  const rlimit more = descriptors(64);
  ASSERT_EQ(0, prlimit(box.keeper_pid("api"), RLIMIT_NOFILE, &more, nullptr));
  EVENTUALLY(box.state("api") == "running");
}

TEST(Descriptors, WhereThereAreTooFewForTheKeeperItSaysSo) {
  if (sanitized()) GTEST_SKIP() << kNotSanitized;
  for (rlim_t count = 10; count <= 20; ++count) {
    Sandbox box;
    Outcome out = box.run(with_descriptors(count, {"--watchdog", "1m", "sleep", "1000"}));
    EXPECT_EQ(1, out.code) << count << " descriptors: " << out.all();
    EXPECT_TRUE(has(out.err, "; raise 'ulimit -n' to at least ")) << count << " descriptors: " << out.err;
  }
}

// The state page has blocks that it does not need any more then.
TEST(FullDisk, AlsoHasRoomForTheLastRecord) {
  Sandbox box;
  std::filesystem::create_directory(box.home());
  write_text(box.work() / "talks", "#!/bin/sh\nhead -c 2000 /dev/zero | tr '\\0' x\nexec sleep 1000\n", 0700);
  write_text(box.work() / "test", "set -e\nk=" + program("keeper") + "\nc=" + program("ctl") +
                                      "\n$k -d -n api --start-secs 0 --log none ./talks\n"
                                      "for i in 1 2 3 4 5 6 7 8; do $c restart api; done\n"
                                      "LC_ALL=C cat /dev/zero > \"$KEEPER_HOME\"/filler || $c stop api\n$c "
                                      "list api --json\n$c why api\n");
  Start how{{"sh", "test"}};
  how.before = [&] { have_a_disk(box.home(), "size=300k,mode=700"); };
  Outcome out = box.run(how);
  if (out.code == kNoMounts) GTEST_SKIP() << "no mounts for this user";
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "No space left")) << "it is not full: " << out.err;
  EXPECT_TRUE(has(out.out, "\"state\":\"stopped\"")) << out.out;
  EXPECT_TRUE(has(out.out, "asked for a stop")) << out.out;
}

/// Without a state page nobody could go on with the program if its keeper were killed.
TEST(FullDisk, RefusesAStartThatNobodyCouldGoOnWith) {
  Sandbox box;
  std::filesystem::create_directory(box.home());
  write_text(box.work() / "test",
             "k=" + program("keeper") + "\nc=" + program("ctl") +
                 "\n$k -d -n api --log none sleep 1000 && exit 90\n"
                 "[ -e \"$KEEPER_HOME\"/apps/api ] && exit 91\n$c list\n"
                 "rm \"$KEEPER_HOME\"/filler\n$k -d -n api --log none sleep 1000 || exit 92\n$c stop api || "
                 "exit 93\n"
                 "rm \"$KEEPER_HOME\"/apps/api/state\nhead -c 60k /dev/zero > \"$KEEPER_HOME\"/filler\n"
                 "$c start api && exit 94\n$c list\nexit 0\n");
  Start how{{"sh", "test"}};
  how.before = [&] {
    have_a_disk(box.home(), "size=120k,mode=700");
    write_text(box.home() / "filler", string(60 * 1024, 'x'));
  };
  Outcome out = box.run(how);
  if (out.code == kNoMounts) GTEST_SKIP() << "no mounts for this user";
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_EQ(2, count_of(out.err, "No space left")) << out.err;
  EXPECT_TRUE(has(out.out, "stopped")) << "as it was before: " << out.out;
}

TEST(FullDisk, IsTheRiskOfAKeeperWithoutAPageUntilThereIsRoom) {
  Sandbox box;
  std::filesystem::create_directory(box.home());
  write_text(box.work() / "test",
             "set -e\nk=" + program("keeper") + "\nc=" + program("ctl") +
                 "\n$k -d -n api --start-secs 0 --log none sleep 1000\n"
                 "seen=$PWD/events\n$c events >\"$seen\" & events=$!\n"
                 "until grep -q api \"$seen\"; do sleep 0.02; done\n"
                 "cd \"$KEEPER_HOME\"\nrm apps/api/state\ncat /dev/zero > filler || rm sock/api.sock\n"
                 "until $c list | grep 'at risk'; do sleep 0.02; done\n$c doctor || true\n"
                 "if $c upgrade api; then exit 91; fi\n"
                 "until grep 'at_risk.*cannot keep the state in ' \"$seen\"; do sleep 0.02; done\n"
                 "rm filler\nuntil grep at_risk_no_more \"$seen\"; do sleep 0.02; done\n"
                 "kill $events\n$c upgrade api\nwhile $c list | grep -q 'at risk'; do sleep 0.02; done\n"
                 "[ -s apps/api/state ]\n$c stop api\n");
  Start how{{"sh", "test"}};
  how.before = [&] { have_a_disk(box.home(), "size=300k,mode=700"); };
  const Outcome out = box.run(how);
  if (out.code == kNoMounts) GTEST_SKIP() << "no mounts for this user";
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.out, "a killed keeper would not be followed: cannot keep the state in ")) << out.all();
  EXPECT_TRUE(has(out.err, "cannot upgrade api: ") && has(out.err, "cannot keep the state in ")) << out.all();
  EXPECT_TRUE(
      has(out.out, "make room on the disk of " + box.home().string() + "; it is tried again each second"))
      << out.all();
}

/// Bytes of address space that a process has, and so much more.
rlimit room_for(int pid, rlim_t more) {
  const auto pages = std::strtoull(read_text("/proc/" + std::to_string(pid) + "/statm").c_str(), nullptr, 10);
  return {pages * 4096 + more, RLIM_INFINITY};
}

TEST(Memory, AStartThatThereIsNoneForIsTriedAgain) {
  if (sanitized()) GTEST_SKIP() << "a sanitizer maps memory of its own";
  Sandbox box;
  auto program = box.work() / "tool", away = box.work() / "away";
  std::filesystem::copy_file("/bin/sleep", program);
  write_text(box.work() / "vars", "A=1\n");
  box.detach("api", {"--env-file", "vars", "--backoff", "20ms..20ms", "--start-secs", "0", program, "1000"});
  std::filesystem::rename(program, away);
  kill(box.pid("api"), SIGKILL);
  EVENTUALLY(box.state("api") == "backoff");
  EXPECT_NE(0, box.ctl({"restart", "api"}).code);
  EVENTUALLY(box.state("api") == "backoff");  // each try reads its variables again
  int keeper = box.keeper_pid("api");
  // Room for what it does every day, and not for the variables that come.
  rlimit little = room_for(keeper, 128 * 1024), all{RLIM_INFINITY, RLIM_INFINITY};
  ASSERT_EQ(0, prlimit(keeper, RLIMIT_AS, &little, nullptr));
  write_text(box.work() / "vars", "A=" + string(900'000, 'x') + "\n");
  EVENTUALLY(has(box.status("api")->spawn_error.value_or(""), "prepare a process: std::bad_alloc"));
  write_text(box.work() / "vars", "A=2\n");
  std::filesystem::rename(away, program);
  ASSERT_EQ(0, prlimit(keeper, RLIMIT_AS, &all, nullptr));
  EVENTUALLY(box.state("api") == "running");
  EXPECT_EQ(keeper, box.keeper_pid("api"));
}

// Half of a step is done then. The next keeper has a heap that is new, and no limit here.
TEST(Memory, AKeeperThatHasNoneLeftIsFollowedByAnother) {
  if (sanitized()) GTEST_SKIP() << "a sanitizer maps memory of its own";
  Sandbox box;
  int followed = 0;
  for (rlim_t more = 0; more <= 48; more += 4) {
    const string name = "app" + std::to_string(more);
    box.detach(name, {"--start-secs", "0", "--stop-timeout", "1s", "sh", "-c",
                      "for i in $(seq 300); do echo line $i of some output; done; exec sleep 1000"});
    const int keeper = box.keeper_pid(name);
    const rlimit little = room_for(keeper, more << 10);
    ASSERT_EQ(0, prlimit(keeper, RLIMIT_AS, &little, nullptr));
    for (const char* doing : {"list", "restart", "logs", "why", "reload", "show"}) {
      Outcome out = box.run({{program("ctl"), doing, name}}, Millis(20'000));
      EXPECT_EQ(0, out.code) << name << ": " << doing << ": " << out.all();
    }
    const int pid = box.pid(name);
    kill(pid, SIGKILL);
    EVENTUALLY(box.runs_another(name, pid));
    EXPECT_EQ(1u, box.status(name)->restarts) << name;
    if (has(box.log(name), "goes on for one that had no memory left")) ++followed;
    EXPECT_EQ(0, box.ctl({"stop", name}).code) << name;
  }
  EXPECT_GT(followed, 0);
}

// From a program file that cannot even be mapped to one that can be kept.
TEST(Memory, AStartThatThereIsTooLittleForSaysSo) {
  if (sanitized()) GTEST_SKIP() << "a sanitizer maps memory of its own";
  Sandbox box;
  int said = 0, code = -1;
  const auto size = std::filesystem::file_size(program("keeper")) / 1024;
  for (auto limit = size; limit < 2 * size && code != 0; limit += 40) {
    const string name = "app" + std::to_string(limit);
    Outcome out = box.run({{"sh", "-c",
                            "ulimit -S -v " + std::to_string(limit) + "; exec " + program("keeper") +
                                " -d -n " + name + " --start-secs 0 --limit as=unlimited sleep 1000"}},
                          Millis(20'000));
    code = out.code;
    if (has(out.err, "cannot start " + name + ": ") && has(out.err, "there is not enough memory")) ++said;
    if (code != 0) {
      EXPECT_FALSE(std::filesystem::exists(box.home() / "apps" / name)) << name << ": " << out.all();
    }
  }
  EXPECT_EQ(0, code);
  EXPECT_GT(said, 0);
}

TEST(Descriptors, WhereThereAreTooFewItAnswersAlsoWithoutBackoff) {
  if (sanitized()) GTEST_SKIP() << kNotSanitized;
  Sandbox box;
  ASSERT_EQ(0, box.run(with_descriptors(64, {"--backoff", "none", "sleep", "1000"})).code);
  const rlimit few{21, descriptors(64).rlim_max};
  ASSERT_EQ(0, prlimit(box.keeper_pid("api"), RLIMIT_NOFILE, &few, nullptr));
  kill(box.pid("api"), SIGKILL);
  EXPECT_TRUE(eventually([&] { return box.state("api") == "backoff"; }, Millis(4'000)))
      << "what cannot be spawned is tried again without a pause, and nothing else is done";
}

TEST(Descriptors, WhereClientsTakeThemAllAnIdleOneIsPutOut) {
  Sandbox box;
  // A sanitizer needs some itself, also when another keeper begins where one has ended.
  Outcome out =
      box.run(with_descriptors(sanitized() ? 36 : 28, {"--backoff", "50ms..50ms", "sleep", "1000"}));
  ASSERT_EQ(0, out.code) << out.all();
  int first = box.pid("api");
  {
    std::vector<Raw> clients;
    for (int i = 0; i < 30; ++i)
      clients.emplace_back(box, "api");
    EXPECT_EQ(0, box.ctl({"signal", "CONT", "api"}).code);
    EXPECT_TRUE(has(clients.front().line(), "others needed the room"));
    EXPECT_TRUE(alive(first));
    kill(first, SIGKILL);
  }
  EVENTUALLY(box.runs_another("api", first));
}

TEST(Fleet, AKeeperThatHangsCostsItsRowAndNoOther) {
  Sandbox box;
  box.detach("good", {"sleep", "1000"});
  box.detach("hung", {"sleep", "1000"});
  int keeper = box.keeper_pid("hung");
  kill(keeper, SIGSTOP);
  Outcome out = box.ctl({"list", "--timeout", "500ms"});
  kill(keeper, SIGCONT);
  EXPECT_EQ(5, out.code) << out.all();
  for (const string& line : lines_of(out.out)) {
    EXPECT_TRUE(!line.starts_with("good ") || has(line, "running")) << line;
    EXPECT_TRUE(!line.starts_with("hung ") || has(line, "unreachable")) << line;
  }
  EXPECT_EQ(3u, lines_of(out.out).size()) << out.out;
}

}  // namespace
}  // namespace keeper
