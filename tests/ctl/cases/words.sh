# Words that the cases share.

# Keeps a program quietly, confirmed at once: kept NAME [KEEPER'S OPTIONS] PROGRAM [ARGS...]
kept() {
  kept_name=$1
  shift
  keeper -d -n "$kept_name" --start-secs 0 --log-markers false "$@" >/dev/null
}

# Waits until a command succeeds, 5 s at most.
await() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 500 ]; then
      echo "await: it never came true: $*"
      return 1
    fi
    sleep 0.01
  done
}

member() { ctl list "$1" --json --timeout 2s 2>/dev/null | grep -o "\"$2\":[^,]*" | head -n 1 | cut -d: -f2- | tr -d '"'; }
pid() { member "$1" pid; }
keeper_pid() { member "$1" keeper_pid; }
guard_pid() { member "$1" guard_pid; }
state() { member "$1" state; }
has() { case $(member "$1" "$2") in '' | null) false ;; esac; }
is() { [ "$(state "$1")" = "$2" ]; }
gone() { ! kill -0 "$1" || grep -q '^State:.*Z' "/proc/$1/status"; }

# Sends a signal to one process after the other, as a busy machine may: slow_kill -SIGNAL PID...
slow_kill() {
  slow_signal=$1
  shift
  for slow_pid in "$@"; do
    kill "$slow_signal" "$slow_pid"
    if [ "$slow_signal" = -KILL ]; then await gone "$slow_pid"; fi
    sleep 0.1
  done
}

# kill -9 of a keeper and its guard at once, so that neither can start the other anew.
kill_keeper() {
  killed_keeper=$(keeper_pid "$1")
  killed_guard=$(guard_pid "$1")
  kill -STOP "$killed_guard"
  kill -KILL "$killed_keeper" "$killed_guard"
}

# Keeper and program of an app that was left alone.
orphaned() {
  kill_keeper "$1"
  orphan_keeper=$killed_keeper
  await is "$1" unreachable
  await gone "$orphan_keeper"
}

# Runs a command while a keeper has all the clients that it serves at once: crowded NAME COMMAND...
crowded() {
  python3 -c '
import os, socket, subprocess, sys
clients = []
for number in range(64):
    clients.append(socket.socket(socket.AF_UNIX))
    clients[-1].connect(os.environ["KEEPER_HOME"] + "/sock/" + sys.argv[1] + ".sock")
    clients[-1].sendall(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events\"}\n")
    clients[-1].recv(1)
sys.exit(subprocess.call(sys.argv[2:]))
' "$@"
}

# Runs a command with a terminal of its own; what it shows comes out here.
on_terminal() {
  python3 -c '
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    os.write(1, piece)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
' "$@"
}
