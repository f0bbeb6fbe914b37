"""listens.py FILE   serves the sockets of LISTEN_FDS (sd_listen_fds(3)): one line a connection, "VERSION PID".

FILE says which version it is, and how that one does: "1", "2 throws", "3 mute" (never says that it is ready), "4 dies 0.5"
(seconds after it was ready), "5 slow 0.5" (until it is ready). It says READY=1 (sd_notify(3)). At SIGTERM it takes no more
connections and finishes those that it has.
"""
import asyncio
import os
import signal
import socket
import sys

VERSION, *DOING = open(sys.argv[1]).read().split()
open_connections = 0


def notify():
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.connect("\0" + address[1:] if address[0] == "@" else address)
        out.send(b"READY=1")


async def serve(reader, writer):
    global open_connections
    open_connections += 1
    try:
        await reader.readline()
        await asyncio.sleep(0.003)  # in flight for a while
        writer.write(f"{VERSION} {os.getpid()} {os.environ.get('LEVEL', '')}\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    except OSError:
        pass  # the client has gone
    finally:
        open_connections -= 1


async def main():
    if DOING[:1] == ["throws"]:
        raise RuntimeError("this version throws")
    if os.environ["LISTEN_PID"] != str(os.getpid()):
        raise RuntimeError("LISTEN_PID is another's")
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    if DOING[:1] == ["slow"]:
        await asyncio.sleep(float(DOING[1]))
    servers, listeners = [], []
    def accept_no_more():
        # And not Server.close(): a connection that asyncio has accepted and not taken up yet is reset by that.
        for listener in listeners:
            asyncio.get_running_loop().remove_reader(listener.fileno())
    for number in range(int(os.environ["LISTEN_FDS"])):
        listener = socket.socket(fileno=3 + number)
        listeners.append(listener)
        start = asyncio.start_server if listener.family != socket.AF_UNIX else asyncio.start_unix_server
        servers.append(await start(serve, sock=listener))
    print(f"version {VERSION} serves", flush=True)
    if DOING[:1] != ["mute"]:
        notify()
    if DOING[:1] == ["dies"]:
        await asyncio.sleep(float(DOING[1]))
        print(f"version {VERSION} dies", flush=True)
        accept_no_more()
        while open_connections > 0:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        os._exit(7)
    await told.wait()
    accept_no_more()
    await asyncio.sleep(0.05)  # what was accepted just before is being begun
    while open_connections > 0:
        await asyncio.sleep(0.01)


asyncio.run(main())
