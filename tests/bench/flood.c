// flood: writes $FLOOD_BYTES of 100-byte lines to stdout, $FLOOD_WRITE bytes per write(2), once a file
// $FLOOD_FILE.go is there, and then "NANOSECONDS" that it took into $FLOOD_FILE; then waits for ever. Started
// a second time it only waits: a supervisor that starts it again does not spoil the figure.
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
  const long long began = now();
  for (long sent = 0; sent < total; sent += size)
    for (long at = 0; at < size;) {
      const long put = write(STDOUT_FILENO, bytes + at, (size_t)(size - at));
      if (put < 0) return 1;
      at += put;
    }
  const long long took = now() - began;
  snprintf(path, sizeof path, "%s.new", file);
  FILE* out = fopen(path, "w");
  if (!out) return 1;
  fprintf(out, "%lld\n", took);
  fclose(out);
  rename(path, file);
  for (;;)
    pause();
}
