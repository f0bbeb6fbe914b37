// Users and groups by name: the two files, and getent for what is not in them.
#include "keeper/child/account.hpp"

#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

/// Files of a test's own, and a getent that knows two users more and writes down what it was asked.
class Accounts {
 public:
  Accounts() {
    write_text(place / "passwd",
               "root:x:0:0:root:/root:/bin/bash\n"
               "+nis::::::\n"
               "web:x:1000:50:Web,,,:/home/web:/bin/sh\n"
               "bare:x:1001:50:::\n"
               "most:x:4294967295:50::/:/bin/sh\n");
    write_text(place / "group",
               "root:x:0:\nstaff:x:50:web\nwww:x:33:bare,web\nlogs:x:4:web\nother:x:99:webber\n");
    write_text(place / "getent",
               "#!/bin/sh\necho \"$2 $3\" >> '" + (place / "asked").string() +
                   "'\n"
                   "case \"$2 $3\" in\n"
                   "'passwd ldap' | 'passwd 7000') echo 'ldap:*:7000:7001:From afar:/net/ldap:/bin/zsh' ;;\n"
                   "'group far') echo 'far:*:7100:ldap' ;;\n"
                   "'initgroups ldap') echo 'ldap                 7100 33' ;;\n"
                   "*) exit 2 ;;\nesac\n",
               0700);
    passwd_ = place / "passwd";
    group_ = place / "group";
    getent_ = place / "getent";
  }
  AccountSources sources() const { return {passwd_.c_str(), group_.c_str(), getent_.c_str()}; }
  Account account(const string& who) const {
    auto found = find_account(who, sources());
    EXPECT_TRUE(found) << who << ": " << found.error().text();
    return found ? *found : Account{};
  }
  string refusal(const string& who) const {
    auto found = find_account(who, sources());
    EXPECT_FALSE(found) << who;
    return found ? "" : found.error().why();
  }
  string asked() const { return read_text(place / "asked"); }
  Place place;

 private:
  string passwd_, group_, getent_;
};

TEST(Account, OfANameHasItsIdsGroupsHomeAndShell) {
  Accounts all;
  EXPECT_EQ((Account{"web", 1000, 50, {4, 33, 50}, "/home/web", "/bin/sh"}), all.account("web"));
  EXPECT_EQ("", all.asked()) << "what is in the files is asked of nobody";
}

TEST(Account, OfANumberIsThatOfTheUserWhoHasIt) {
  Accounts all;
  EXPECT_EQ(all.account("web"), all.account("1000"));
}

TEST(Account, TakesTheGroupThatIsGivenAndKeepsTheOthersOfTheUser) {
  Accounts all;
  EXPECT_EQ(33u, all.account("web:www").gid);
  EXPECT_EQ((std::vector<unsigned>{4, 33, 50}), all.account("web:www").groups);
  EXPECT_EQ(99u, all.account("web:99").gid);
  EXPECT_EQ((std::vector<unsigned>{33, 99}), all.account("bare:99").groups);
}

TEST(Account, OfANumberWithoutAnEntryNeedsAGroup) {
  Accounts all;
  EXPECT_EQ((Account{"4242", 4242, 33, {33}, "/", "/bin/sh"}), all.account("4242:www"));
  EXPECT_TRUE(all.refusal("4242").find("4242:GROUP") != string::npos) << all.refusal("4242");
}

TEST(Account, ThatIsNotInTheFilesIsAskedOfGetent) {
  Accounts all;
  Account expected{"ldap", 7000, 7001, {33, 7001, 7100}, "/net/ldap", "/bin/zsh"};
  EXPECT_EQ(expected, all.account("ldap"));
  EXPECT_EQ("passwd ldap\ninitgroups ldap\n", all.asked());
  EXPECT_EQ(expected, all.account("7000"));
  EXPECT_EQ(7100u, all.account("web:far").gid);
  EXPECT_EQ("ldap", user_name(7000, all.sources()));
}

TEST(Account, ThatNobodyKnowsIsRefusedByName) {
  Accounts all;
  EXPECT_EQ("there is no user 'nobody2' (a name that 'getent passwd' shows, or a number)",
            all.refusal("nobody2"));
  EXPECT_EQ("there is no group 'none' (a name that 'getent group' shows, or a number)",
            all.refusal("web:none"));
  for (const char* who : {"", ":", "web:", ":www"})
    EXPECT_TRUE(all.refusal(who).find("USER:GROUP") != string::npos) << who;
}

TEST(Account, IsNeverTheNumberThatMeansNoChange) {
  Accounts all;
  all.refusal("most");
  all.refusal("4294967295:33");
  all.refusal("web:4294967295");
  all.refusal("-1:33");
}

TEST(Account, IsNeverALineThatSpeaksOfAnotherService) {
  Accounts all;
  all.refusal("+nis");
  all.refusal("+");
  EXPECT_EQ("root", user_name(0, all.sources()));
}

TEST(Account, IsNoWordForAShell) {
  Accounts all;
  string file = (all.place / "made").string();
  all.refusal("x; touch " + file);
  all.refusal("$(touch " + file + ")");
  all.refusal("-s");
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(Account, WithoutGetentIsWhatTheFilesSay) {
  Accounts all;
  AccountSources sources = all.sources();
  sources.getent = "/no/such/getent";
  EXPECT_TRUE(find_account("web", sources));
  EXPECT_FALSE(find_account("ldap", sources));
  EXPECT_EQ("7000", user_name(7000, sources));
  sources.passwd = sources.group = "/no/such/file";
  EXPECT_FALSE(find_account("web", sources));
  EXPECT_TRUE(find_account("5:6", sources));
}

TEST(Account, LeavesNoDescriptorAndNoZombie) {
  Accounts all;
  auto before = open_descriptors();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(i % 2 == 0,
              static_cast<bool>(find_account(i % 2 == 0 ? "ldap:far" : "nobody2", all.sources())));
  EXPECT_EQ(before, open_descriptors());
}

TEST(Account, IsReadBackFromItsText) {
  Accounts all;
  for (const char* who : {"web", "ldap", "4242:7", "bare"}) {
    auto back = read_account(account_text(all.account(who)));
    ASSERT_TRUE(back) << who;
    EXPECT_EQ(all.account(who), *back);
  }
  for (const char* text :
       {"", "web", "web:1:2:3:/", "web:x:2:3:/:/bin/sh", "web:1:2:3,x:/:/bin/sh", "web:-1:2:3:/:/bin/sh"})
    EXPECT_FALSE(read_account(text)) << text;
}

TEST(Account, SetsFourVariables) {
  Accounts all;
  EXPECT_EQ((std::vector<string>{"HOME=/home/web", "USER=web", "LOGNAME=web", "SHELL=/bin/sh"}),
            account_environment(all.account("web")));
  EXPECT_EQ((std::vector<string>{"HOME=/", "USER=bare", "LOGNAME=bare", "SHELL=/bin/sh"}),
            account_environment(all.account("bare")));
}

}  // namespace
}  // namespace keeper
