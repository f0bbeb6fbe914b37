"""asks.py PORT   connects to that port again and again, four at a time, until SIGTERM; says then how often it was answered, by
which versions, and what went wrong: "answered 1000 by 1 2", "failed ConnectionRefusedError 3".
"""
import asyncio
import collections
import signal
import sys

answers = collections.Counter()
failures = collections.Counter()


async def ask(port):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"?\n")
        line = await reader.read()
        writer.close()
        if not line.endswith(b"\n"):
            raise EOFError
        answers[line.split()[0].decode()] += 1
    except (OSError, EOFError) as error:
        failures[type(error).__name__] += 1
        await asyncio.sleep(0.01)


async def go_on(port, told):
    while not told.is_set():
        await ask(port)


async def main():
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    print("asks", flush=True)
    await asyncio.gather(*(go_on(int(sys.argv[1]), told) for _ in range(4)))
    print("answered", sum(answers.values()), "by", *sorted(answers))
    for name, count in failures.items():
        print("failed", name, count)


asyncio.run(main())
