// The state page, and the bytes in it.
#include "keeper/survive/state_page.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>

#include "keeper/survive/tagged.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

struct App {
  Place place;
  Home home = open_home();
  fs::path file = place / "home/apps/api/state";

  Home open_home() {
    auto opened = Home::open((place / "home").string(), Home::Create::yes);
    EXPECT_TRUE(opened) << opened.error().text();
    return std::move(*opened);
  }
  StatePage open() {
    auto page = StatePage::open(home, "api");
    EXPECT_TRUE(page) << page.error().text();
    return std::move(*page);
  }
};

TEST(StatePage, HasNothingAtFirstAndThenWhatWasWrittenLast) {
  App app;
  EXPECT_EQ(std::nullopt, app.open().read());
  {
    StatePage page = app.open();
    for (const string& text : {string("one"), string("two"), string(), string(5'000, 'x'), string("three")}) {
      EXPECT_TRUE(page.write(text));
      EXPECT_EQ(text, page.read());
      EXPECT_EQ(text, app.open().read()) << "by somebody else";
    }
  }
  EXPECT_EQ("three", app.open().read());
  struct stat st {};
  ASSERT_EQ(0, stat(app.file.c_str(), &st));
  EXPECT_EQ(0600u, st.st_mode & 0777u);
  EXPECT_GE(static_cast<std::size_t>(st.st_blocks) * 512, StatePage::kSize) << "it has its room already";
}

TEST(StatePage, KeepsTheLastContentWhereTheNextIsTooLong) {
  App app;
  StatePage page = app.open();
  EXPECT_TRUE(page.write(string(StatePage::kMost, 'a')));
  EXPECT_FALSE(page.write(string(StatePage::kMost + 1, 'b')));
  EXPECT_EQ(string(StatePage::kMost, 'a'), page.read());
}

/// The layout of a page of 64 KiB, as older keepers wrote and read it.
struct OldPage {
  struct Slot {
    std::uint64_t number;
    std::uint32_t offset, length;
    std::uint64_t checksum;
  };
  std::uint64_t magic = 0x3165746174736bull;
  std::uint64_t claim = 0;
  Slot slots[2]{};

  /// FNV-1a of the number, the offset, the length and the content.
  static std::uint64_t checksum(const Slot& slot, const string& content) {
    std::uint64_t hash = 14695981039346656037ull;
    for (char c : string(reinterpret_cast<const char*>(&slot), 16) + content)
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return hash;
  }
  /// What an older keeper reads in a page; nothing if it does not know it.
  static std::optional<string> read(const string& file) {
    OldPage page;
    std::memcpy(&page, file.data(), sizeof page);
    std::optional<string> out;
    std::uint64_t last = 0;
    for (const Slot& slot : page.slots) {
      if (slot.number <= last || slot.length > 28 * 1024 || slot.offset + slot.length > 64 * 1024) continue;
      const string content = file.substr(slot.offset, slot.length);
      if (slot.checksum != checksum(slot, content)) continue;
      last = slot.number;
      out = content;
    }
    return out;
  }
};

string old_page(const string& content, std::uint32_t at) {
  OldPage page;
  page.claim = claim_of(7, 1234);
  page.slots[0] = {41, at, static_cast<std::uint32_t>(content.size()), 0};
  page.slots[0].checksum = OldPage::checksum(page.slots[0], content);
  string out(64 * 1024, '\0');
  out.replace(0, sizeof page, reinterpret_cast<const char*>(&page), sizeof page);
  out.replace(at, content.size(), content);
  return out;
}

TEST(StatePage, OfAnOlderKeeperIsReadAndUsed) {
  App app;
  app.open();
  for (const auto& [content, at] :
       {std::pair(string("small"), 512u), std::pair(string(28 * 1024, 'x'), 4096u)}) {
    write_text(app.file, old_page(content, at));
    StatePage page = app.open();
    EXPECT_EQ(content, page.read());
    EXPECT_EQ(claim_of(7, 1234), page.claim().load());
    EXPECT_TRUE(page.write("next"));
    EXPECT_EQ("next", OldPage::read(read_text(app.file))) << "an older keeper may be the next one";
    const string large(28 * 1024, 'y'), longest(100 * 1024, 'z');
    EXPECT_TRUE(page.write(large));
    EXPECT_EQ(large, OldPage::read(read_text(app.file)));
    EXPECT_EQ(64u * 1024, fs::file_size(app.file));
    EXPECT_TRUE(page.write(longest));
    EXPECT_EQ(longest, app.open().read());
    EXPECT_EQ(large, OldPage::read(read_text(app.file))) << "as of a torn write";
  }
}

/// Whatever is left of a write that did not end, the content before it is there, and the next one too.
TEST(StatePage, OfATornWriteTheContentBeforeItIsRead) {
  App app;
  {
    StatePage page = app.open();
    for (const char* text : {"older", "old", "new"})
      EXPECT_TRUE(page.write(text));
  }
  string whole = read_text(app.file);
  const auto at = whole.find("new");
  ASSERT_NE(string::npos, at);
  whole[at] = 'N';
  write_text(app.file, whole);
  EXPECT_EQ("old", app.open().read());
  StatePage page = app.open();
  EXPECT_TRUE(page.write("newest"));
  EXPECT_EQ("newest", page.read());
  EXPECT_EQ("newest", app.open().read());
}

TEST(StatePage, MakesANewOneOfAFileThatIsNone) {
  App app;
  app.open();
  for (const string& rubbish : {string(), string("{}"), string(100'000, '\xff')}) {
    write_text(app.file, rubbish);
    StatePage page = app.open();
    EXPECT_EQ(std::nullopt, page.read());
    EXPECT_EQ(0u, page.claim().load());
    EXPECT_TRUE(page.write("content"));
    EXPECT_EQ("content", app.open().read());
  }
}

TEST(StatePage, ALinkInItsPlaceIsMovedAsideAndNotFollowed) {
  App app;
  app.open();
  fs::remove(app.file);
  write_text(app.place / "elsewhere", "mine");
  fs::create_symlink(app.place / "elsewhere", app.file);
  EXPECT_EQ(std::nullopt, app.open().read());
  EXPECT_FALSE(fs::is_symlink(app.file));
  EXPECT_TRUE(fs::is_symlink(app.file.string() + ".damaged"));
  EXPECT_EQ("mine", read_text(app.place / "elsewhere"));
}

TEST(StatePage, OneThatIsCutShortWhileItIsMappedIsNoticedAndMadeAnew) {
  App app;
  StatePage page = app.open();
  ASSERT_TRUE(page.write("one"));
  EXPECT_FALSE(page.damaged());
  fs::resize_file(app.file, 0);
  EXPECT_TRUE(page.damaged());
  auto anew = page.made_anew(app.file, 7);
  ASSERT_TRUE(anew) << anew.error().text();
  EXPECT_FALSE(anew->damaged());
  EXPECT_EQ(7u, anew->inbox().read);
  EXPECT_EQ(std::nullopt, anew->read());
  ASSERT_TRUE(anew->write("two"));
  EXPECT_EQ("two", app.open().read());
}

TEST(StatePage, SaysThatThereIsNoRoomForIt) {
  App app;
  ASSERT_TRUE(app.home.lock("api", Millis(0)));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};
  ::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  auto page = StatePage::open(app.home, "api");
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(page);
  EXPECT_NE(string::npos, page.error().text().find("keep the state in")) << page.error().text();
}

/// A writer that is killed at any moment: what is read is always one of its contents, and never an older one
/// than the last that it had said.
TEST(StatePage, IsWholeWheneverItsWriterIsKilled) {
  App app;
  { app.open(); }
  for (int turn = 0; turn < 100; ++turn) {
    int ends[2];
    ASSERT_EQ(0, pipe(ends));
    const pid_t writer = fork();
    if (writer == 0) {
      auto page = StatePage::open(app.home, "api");
      for (int i = 0;; ++i) {
        const string text = std::to_string(turn * 1'000'000 + i);
        const string rest(static_cast<std::size_t>(i * 37 % 3000), static_cast<char>('a' + i % 26));
        if (!page->write(text + ":" + rest)) _exit(2);
        if (write(ends[1], "x", 1) < 0) _exit(1);
      }
    }
    close(ends[1]);
    char said[4096];
    long count = 0;
    while (count < turn * 20 + 1) {
      const ssize_t got = read(ends[0], said, sizeof said);
      ASSERT_GT(got, 0);
      count += got;
    }
    kill(writer, SIGKILL);
    waitpid(writer, nullptr, 0);
    for (ssize_t got = 0; (got = read(ends[0], said, sizeof said)) > 0;)
      count += got;
    close(ends[0]);
    auto content = app.open().read();
    ASSERT_TRUE(content);
    const long number = std::atol(content->c_str()) - turn * 1'000'000;
    EXPECT_GE(number, count - 1);
    const string rest = content->substr(content->find(':') + 1);
    EXPECT_EQ(static_cast<std::size_t>(number * 37 % 3000), rest.size());
    EXPECT_EQ(string::npos, rest.find_first_not_of(static_cast<char>('a' + number % 26)));
  }
}

TEST(StatePage, AClaimIsGivenOnce) {
  App app;
  StatePage one = app.open(), other = app.open();
  one.claim() = claim_of(7, 0);
  std::uint64_t expected = claim_of(7, 0);
  EXPECT_TRUE(other.claim().compare_exchange_strong(expected, claim_of(8, 0)));
  expected = claim_of(7, 0);
  EXPECT_FALSE(one.claim().compare_exchange_strong(expected, claim_of(7, 1234)));
  EXPECT_EQ(8u, spawn_of_claim(one.claim()));
  EXPECT_EQ(0, pid_of_claim(one.claim()));
  EXPECT_EQ(1234, pid_of_claim(claim_of(7, 1234)));
}

// --- the bytes

enum class Colour { red, green };
struct Inner {
  int number = 0;
  string text;
  bool operator==(const Inner&) const = default;
};
struct Outer {
  std::uint64_t big = 0;
  int negative = 0;
  bool yes = false;
  double part = 0;
  Colour colour = Colour::red;
  string text = "default";
  std::optional<Millis> wait;
  std::optional<Inner> inner;
  std::vector<Inner> list;
  std::vector<int> numbers;
  WallTime at{};
  bool operator==(const Outer&) const = default;
};
template <class F>
void fields(F& f, Inner& v) {
  f(1, v.number), f(2, v.text);
}
template <class F>
void fields(F& f, Outer& v) {
  f(1, v.big), f(2, v.negative), f(3, v.yes), f(4, v.part), f(5, v.colour), f(6, v.text), f(7, v.wait);
  f(8, v.inner), f(9, v.list), f(10, v.numbers), f(11, v.at);
}
struct Newer {
  string text;
  int more = 0;
};
template <class F>
void fields(F& f, Newer& v) {
  f(6, v.text), f(99, v.more);
}

Outer example() {
  return {~0ull,
          -5,
          true,
          0.25,
          Colour::green,
          string("a\0b", 3),
          Millis(12),
          Inner{3, "in"},
          {{1, ""}, {2, "x"}},
          {7, 8, 9},
          WallTime(Millis(1234567890123))};
}

TEST(Tagged, ValuesComeBackAsTheyWere) {
  EXPECT_EQ(example(), tagged::from_bytes<Outer>(tagged::to_bytes(example())));
  EXPECT_EQ(Outer(), tagged::from_bytes<Outer>(tagged::to_bytes(Outer())));
}

TEST(Tagged, AnOlderAndANewerReaderTakeWhatTheyKnow) {
  EXPECT_EQ("text", tagged::from_bytes<Outer>(tagged::to_bytes(Newer{"text", 5})).text);
  Newer newer = tagged::from_bytes<Newer>(tagged::to_bytes(example()));
  EXPECT_EQ(string("a\0b", 3), newer.text);
  EXPECT_EQ(0, newer.more);
}

TEST(Tagged, HalfOfTheBytesAreReadAsFarAsTheyGo) {
  const string bytes = tagged::to_bytes(example());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    tagged::from_bytes<Outer>(bytes.substr(0, length));
  EXPECT_EQ("default", tagged::from_bytes<Outer>(bytes.substr(0, 20)).text);
}

}  // namespace
}  // namespace keeper
