// flood: writes $FLOOD_BYTES of 100-byte lines to stdout, $FLOOD_WRITE bytes per write(2), once a file
// $FLOOD_FILE.go is there, and then "NANOSECONDS" that it took into $FLOOD_FILE; then waits for ever. Started
// a second time it only waits: a supervisor that starts it again does not spoil the figure.
//
// With $FLOOD_OWN_PIPE it writes into a pipe of 1 MiB that it empties itself when it is half full, off the
// clock: nobody wakes up, nobody locks the pipe, it never has to wait. What a write into a pipe costs the
// writer, and so the limit of whatever reads from a pipe.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kLine = 100 };

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long number_of(const char* name) {
  const char* text = getenv(name);
  return text ? atol(text) : 0;
}

enum { kPipe = 1 << 20 };

/// How long all the writes took.
static long long fill_own_pipe(const char* bytes, long total, long size) {
  int ends[2];
  const int null = open("/dev/null", O_WRONLY);
  if (null < 0 || pipe(ends) < 0 || fcntl(ends[1], F_SETPIPE_SZ, kPipe) < 0) return -1;
  long long took = 0;
  for (long sent = 0; sent < total;) {
    const long long began = now();
    long in_pipe = 0;
    for (; in_pipe + size <= kPipe / 2; in_pipe += size)  // a page may hold less than it has room for
      if (write(ends[1], bytes, (size_t)size) != size) return -1;
    took += now() - began;
    sent += in_pipe;
    for (long out = 0; in_pipe > 0; in_pipe -= out)
      if ((out = splice(ends[0], NULL, null, NULL, (size_t)in_pipe, 0)) <= 0) return -1;
  }
  return took;
}

static long long flood(const char* bytes, long total, long size) {
  const long long began = now();
  for (long sent = 0; sent < total; sent += size)
    for (long at = 0; at < size;) {
      const long put = write(STDOUT_FILENO, bytes + at, (size_t)(size - at));
      if (put < 0) return -1;
      at += put;
    }
  return now() - began;
}

int main(void) {
  const char* file = getenv("FLOOD_FILE");
  const long total = number_of("FLOOD_BYTES"), size = number_of("FLOOD_WRITE") / kLine * kLine;
  if (!file || total <= 0 || size <= 0) return 1;
  char path[4096];
  snprintf(path, sizeof path, "%s.up", file);
  const int up = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (up < 0)
    for (;;)
      pause();
  close(up);
  char* bytes = malloc((size_t)size);
  if (!bytes) return 1;
  for (long at = 0; at < size; at += kLine) {
    memset(bytes + at, 'a' + (int)(at / kLine % 26), kLine);
    bytes[at + kLine - 1] = '\n';
  }
  snprintf(path, sizeof path, "%s.go", file);
  while (access(path, F_OK) != 0)
    usleep(1000);
  const long long took =
      getenv("FLOOD_OWN_PIPE") ? fill_own_pipe(bytes, total, size) : flood(bytes, total, size);
  if (took < 0) return 1;
  snprintf(path, sizeof path, "%s.new", file);
  FILE* out = fopen(path, "w");
  if (!out) return 1;
  fprintf(out, "%lld\n", took);
  fclose(out);
  rename(path, file);
  for (;;)
    pause();
}
