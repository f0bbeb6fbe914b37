// ignores_term    ignores TERM, INT and HUP, says "ready" and stays. Only KILL (or QUIT) ends it.
#include <signal.h>

#include "tests/children/tiny.hpp"

int main() {
  for (int ignored : {SIGTERM, SIGINT, SIGHUP})
    signal(ignored, SIG_IGN);
  keeper::say("ready\n");
  keeper::wait_for_ever();
}
