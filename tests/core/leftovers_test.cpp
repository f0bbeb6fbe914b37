#include "keeper/core/leftovers.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

const ExitInfo kWell = ExitInfo::code(0);

TEST(Leftovers, OfAProgramThatGoesIntoTheBackgroundAreAskedAbout) {
  EXPECT_EQ(
      "left 3 processes behind (nginx: master process nginx, nginx: worker process), which were ended: does "
      "it "
      "go into the background? nginx stays in the foreground with -g 'daemon off;'",
      left_behind_text({"nginx: master process nginx", "nginx: worker process", "nginx: worker process"},
                       kWell, Millis{20}));
  EXPECT_EQ(
      "left 1 process behind (./own --server), which was ended: does it go into the background? Programs "
      "that do "
      "mostly have an option that keeps them in the foreground",
      left_behind_text({"./own --server"}, kWell, Millis{20}));
}

TEST(Leftovers, OfACrashOrOfALongLifeAreNamedOnly) {
  const std::string named = "left 1 process behind (sleep 9), which was ended";
  EXPECT_EQ(named, left_behind_text({"sleep 9"}, ExitInfo::code(1), Millis{20}));
  EXPECT_EQ(named, left_behind_text({"sleep 9"}, ExitInfo::signal(SIGSEGV), Millis{20}));
  EXPECT_EQ(named, left_behind_text({"sleep 9"}, kWell, Millis{60'000}));
  EXPECT_NE(named, left_behind_text({"sleep 9"}, kWell, Millis{59'999}));
}

TEST(Leftovers, AreNotAllNamedWhereThereAreMany) {
  EXPECT_EQ("left 5 processes behind (a, b, c, ...), which were ended",
            left_behind_text({"a", "b", "b", "c", "d"}, ExitInfo::code(1), Millis{20}));
}

TEST(Leftovers, OfWellKnownServersComeWithTheOptionThatHelps) {
  struct Known {
    const char* command;
    const char* how;
  };
  for (const Known& one :
       {Known{"nginx: master process /usr/sbin/nginx", "nginx stays in the foreground with -g 'daemon off;'"},
        Known{"redis-server *:6379", "redis-server stays in the foreground with --daemonize no"},
        Known{"/usr/sbin/httpd -k start", "httpd stays in the foreground with -DFOREGROUND"},
        Known{"/usr/sbin/apache2 -k start", "apache2 stays in the foreground with -DFOREGROUND"},
        Known{"/usr/lib/postgresql/15/bin/postgres -D /d",
              "postgres stays in the foreground where it is run itself, and not by pg_ctl"},
        Known{"postgres: checkpointer",
              "postgres stays in the foreground where it is run itself, and not by pg_ctl"},
        Known{"/usr/sbin/mysqld --daemonize", "mysqld stays in the foreground without --daemonize"},
        Known{"memcached -d", "memcached stays in the foreground without -d"},
        Known{"sshd: /usr/sbin/sshd [listener]", "sshd stays in the foreground with -D"},
        Known{"php-fpm: master process (/etc/php)", "php-fpm stays in the foreground with -F"},
        Known{"/usr/sbin/php-fpm8.2", "php-fpm stays in the foreground with -F"},
        Known{"gunicorn: master [app:app]", "gunicorn stays in the foreground without --daemon"},
        Known{"/usr/bin/python3 /usr/bin/gunicorn app:app --daemon",
              "gunicorn stays in the foreground without --daemon"},
        Known{"uwsgi --ini a.ini", "uwsgi stays in the foreground without --daemonize"},
        Known{"python3 -m celery worker",
              "celery stays in the foreground as 'celery worker', without --detach"}})
    EXPECT_EQ(one.how, foreground_advice(one.command)) << one.command;
  for (const char* other : {"", " ", "sleep 9", "./nginxish", "sh -c sleep; exec nginx", "12345"})
    EXPECT_EQ("", foreground_advice(other)) << other;
}

}  // namespace
}  // namespace keeper
