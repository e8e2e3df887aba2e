"""A line to a server of this machine that takes its time, as one to a registry elsewhere does."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator

BLOCK = 1 << 16


@contextlib.contextmanager
def line(port: int, round_trip: float) -> Iterator[int]:
    """The port of a line to `port`, both on loopback: what goes over it takes half of `round_trip` seconds each way.

    The first bytes of a connection come a round trip later still, which is TCP's handshake; TLS has none here.
    """
    ready, ended, own = threading.Event(), asyncio.Event(), 0
    loop = asyncio.new_event_loop()

    async def relay(client: StreamReader, to_client: StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(
                _carry(client, to_server, round_trip / 2, round_trip), _carry(server, to_client, round_trip / 2)
            )
        except OSError:  # one end has gone; the other is told below
            pass
        finally:
            to_client.close()
            to_server.close()

    async def serve() -> None:
        nonlocal own
        async with await asyncio.start_server(relay, "127.0.0.1", 0) as listening:
            own = listening.sockets[0].getsockname()[1]
            ready.set()
            await ended.wait()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    serving = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    serving.start()
    ready.wait()
    try:
        yield own
    finally:
        loop.call_soon_threadsafe(ended.set)
        serving.join()
        loop.close()


async def _carry(source: StreamReader, target: StreamWriter, seconds: float, before: float = 0.0) -> None:
    """Hand on what `source` says `seconds` later, and the first of it another `before` seconds later."""
    clock = asyncio.get_running_loop().time
    due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            when, block = await due.get()
            await asyncio.sleep(when - clock())
            if not block:
                return target.write_eof()
            target.write(block)
            await target.drain()

    delivering, block = asyncio.create_task(deliver()), b"-"
    try:
        while block:
            block = await source.read(BLOCK)
            due.put_nowait((clock() + seconds + before, block))
            before = 0.0
        await delivering
    finally:
        delivering.cancel()  # a connection that was reset has nothing more to say
