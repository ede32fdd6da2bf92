"""Live events over a WebSocket, one JSON value a message; each answer is how many of them are stored.

usage: live.py [URL]     needs `pip install websockets`
"""
import asyncio, json, sys
from websockets.asyncio.client import connect


async def main(url="ws://127.0.0.1:4318"):
    async with connect(url) as socket:
        for n in range(3):
            await socket.send(json.dumps({"n": n}))
        await socket.send(b"")  # the end: the gateway stores what came, tells its count, and closes
        async for count in socket:
            print(count)


asyncio.run(main(*sys.argv[1:]))
