// The file of --env-file.
#include "keeper/child/env_file.hpp"

#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;
using Words = std::vector<string>;

Words read_lines(const string& text) {
  Place place;
  write_text(place / "vars", text);
  auto read = read_env_file((place / "vars").string());
  if (read) return *read;
  string why = read.error().text();
  return {"error", why.substr(why.find("line"))};
}

TEST(EnvFile, IsReadAsDotenvIs) {
  EXPECT_EQ((Words{"A=1", "B=2"}), read_lines("A=1\nB=2"));
  EXPECT_EQ((Words{"A=1"}), read_lines("# comment\n\n   \n  A=1  \r\n"));
  EXPECT_EQ((Words{"A=1", "B=x"}), read_lines("export A=1\nexport   B = x\n"));
  EXPECT_EQ((Words{"A=two words", "B=#no comment"}), read_lines("A=two words # comment\nB=#no comment\n"));
  EXPECT_EQ((Words{"A=a\nb\t\"\\$c"}), read_lines("A=\"a\\nb\\t\\\"\\\\\\$c\" # comment\n"));
  EXPECT_EQ((Words{"A=a\\nb #"}), read_lines("A='a\\nb #'\n"));
  EXPECT_EQ((Words{"A=", "B=", "C="}), read_lines("A=\nB=''\nC=\"\"\n"));
  EXPECT_EQ((Words{"A=b=c"}), read_lines("A=b=c\n"));
}

TEST(EnvFile, IsReadAsEditorsAndOtherToolsWriteIt) {
  EXPECT_EQ((Words{"A=1"}), read_lines("\xEF\xBB\xBF"
                                       "A=1\n"))
      << "a byte order mark";
  EXPECT_EQ((Words{"A=1"}), read_lines("export\tA=1\n"));
  EXPECT_EQ((Words{"A=it's \"this\" \\n", "B=2"}), read_lines("A=`it's \"this\" \\n`\nB=2\n"));
  EXPECT_EQ((Words{"A=", "B=", "C=x", "D=#y"}), read_lines("A= # none\nB=\t#none\nC=x\t#none\nD=#y\n"));
  EXPECT_EQ((Words{"exported=1"}), read_lines("exported=1\n"));
}

TEST(EnvFile, AQuotedValueMayGoOverSeveralLines) {
  EXPECT_EQ((Words{"KEY=-----BEGIN-----\nab#c=\n  'd'\n-----END-----\n", "B=2"}),
            read_lines("KEY=\"-----BEGIN-----\nab#c=\n  'd'\n-----END-----\n\" # the key\nB=2\n"));
  EXPECT_EQ((Words{"A=one\n\n\"two\\n\"", "B=2"}), read_lines("A='one\n\n\"two\\n\"'\nB=2\n"));
  EXPECT_EQ((Words{"A=one\ntwo"}), read_lines("A=\"one\r\ntwo\"\r\n")) << "as it would be on this system";
  EXPECT_EQ((Words{"A=one  \n two "}), read_lines("A='one  \n two '  \n")) << "blanks within are its own";
  EXPECT_EQ((Words{"A=one two\n", "B=\\"}), read_lines("A=\"one \\\ntwo\n\"\nB='\\'"));
}

TEST(EnvFile, MayBeALink) {
  Place place;
  write_text(place / "shared", "A=1\n");
  std::filesystem::create_symlink("shared", place / "vars");
  auto read = read_env_file((place / "vars").string());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(Words{"A=1"}, *read);
}

TEST(EnvFile, ABadLineIsNamedByItsNumber) {
  EXPECT_EQ("line 2: not KEY=VALUE", read_lines("A=1\nnonsense\n").back());
  EXPECT_EQ("line 1: not KEY=VALUE", read_lines("=1\n").back());
  EXPECT_EQ("line 3: what stands before '=' is not the name of a variable",
            read_lines("\n#\nA B=1\n").back());
  EXPECT_EQ("line 1: something follows the closing quote", read_lines("A='x'y\n").back());
  EXPECT_EQ("line 1: a NUL byte", read_lines(string("A=x\0y\n", 6)).back());
  EXPECT_EQ("line 2: a NUL byte", read_lines(string("A='x\ny\0z'\n", 11)).back());
  EXPECT_EQ("line 6: not KEY=VALUE", read_lines("A='\n\n'\nB=\"\n\"\nnonsense").back()) << "all are counted";
}

TEST(EnvFile, AQuoteThatIsNeverClosedIsNamedByTheLineWhereItBegins) {
  EXPECT_EQ("line 1: the quote that is opened here is never closed", read_lines("A=\"x\n").back());
  EXPECT_EQ("line 2: the quote that is opened here is never closed", read_lines("A=1\nB='\nC=2\n\n").back());
  EXPECT_EQ("line 1: the quote that is opened here is never closed", read_lines("A=\"x\\\"").back());
  EXPECT_EQ("line 2: something follows the quote that closes the one of line 1",
            read_lines("A='x\nB='y'\n").back());
}

}  // namespace
}  // namespace keeper
