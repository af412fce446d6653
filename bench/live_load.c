/* Makes load in a container at a known rate: `load exec COUNT RATE PROGRAM MARK`, `load tcp|udp COUNT RATE HOST
 * PORT`. RATE is in 1/s, 0 for as fast as it goes; the mark is the program's argument, by which it is known again. Prints how many were made and how many microseconds that took.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void wait_until_ns(long long when) {
  struct timespec at = {when / 1000000000LL, when % 1000000000LL};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
  }
}

enum { AT_ONCE = 8 }; /* children that may run beside each other: two cores make more of them in a second than one */
static int running;

/* Waits until at most so many children run; gives how many of those that ended did so well. */
static int reap(int most) {
  int well = 0, status = 0;
  while (running > 0 && waitpid(-1, &status, running > most ? 0 : WNOHANG) > 0) {
    running--;
    well += status == 0;
  }
  return well;
}

static int execute(char *program, char *mark) {
  pid_t child = vfork();
  if (child == 0) {
    char *arguments[] = {program, mark, NULL}, *environment[] = {NULL};
    execve(program, arguments, environment);
    _exit(127);
  }
  running += child > 0;
  return reap(AT_ONCE);
}

/* A refused connection was opened all the same. */
static int reach(int kind, const char *host, int port) {
  struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  int is6 = inet_pton(AF_INET6, host, &to6.sin6_addr) == 1;
  if (!is6 && inet_pton(AF_INET, host, &to.sin_addr) != 1) return 0;
  const struct sockaddr *where = is6 ? (struct sockaddr *)&to6 : (struct sockaddr *)&to;
  socklen_t length = is6 ? sizeof to6 : sizeof to;
  int opened = socket(is6 ? AF_INET6 : AF_INET, kind | SOCK_CLOEXEC, 0);
  if (opened < 0) return 0;
  int made = kind == SOCK_STREAM ? connect(opened, where, length) == 0 || errno == ECONNREFUSED
                                 : sendto(opened, "x", 1, 0, where, length) == 1;
  close(opened);
  return made;
}

int main(int count, char **told) {
  if (count < 3) return 0; /* as /bin/true it does nothing, in less time than busybox */
  if (count < 5) return 2;
  long wanted = atol(told[2]), rate = atol(told[3]), made = 0;
  int kind = strcmp(told[1], "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
  long long begin = now_ns();
  for (long done = 0; done < wanted; done++) {
    if (rate) wait_until_ns(begin + done * 1000000000LL / rate);
    made += strcmp(told[1], "exec") == 0 ? execute(told[4], count > 5 ? told[5] : NULL) : reach(kind, told[4], count > 5 ? atoi(told[5]) : 0);
  }
  made += reap(0);
  printf("%ld %lld\n", made, (now_ns() - begin) / 1000);
  return made != wanted;
}
