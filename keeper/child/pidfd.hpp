// The one include of <sys/pidfd.h>: glibc 2.36 declares it without extern "C".
#pragma once
extern "C" {
#include <sys/pidfd.h>
}
