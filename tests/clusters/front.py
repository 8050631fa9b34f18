"""The front of a server on this machine: passes bytes on, so that it can be killed while the server keeps what it has.

python tests/clusters/front.py PORT PORT-OF-THE-SERVER
"""

import asyncio
import sys
from contextlib import suppress

HOST = "127.0.0.1"


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def serve(port: int, upstream: int) -> None:
    """Until it is killed."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_connection(HOST, upstream)
        await asyncio.gather(_pass_on(reader, before), _pass_on(behind, writer))
        writer.close()
        before.close()

    server = await asyncio.start_server(connected, HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:])))
