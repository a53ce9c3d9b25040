"""The network of a campaign: what passes, what is cut, and what is swallowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvloop

from cli.torture.proxy import Mode, Proxy
from shared.local.ports import LOOPBACK, free_port

LARGE = 8 << 20


@asynccontextmanager
async def echo() -> AsyncIterator[Proxy]:
    """A proxy in front of a server that says again what it hears."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while heard := await reader.read(65_536):
                writer.write(heard)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    target, port = free_port(), free_port()
    server = await asyncio.start_server(answer, LOOPBACK, target)
    proxy = Proxy(port, target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
        server.close()


async def said(writer: asyncio.StreamWriter, reader: asyncio.StreamReader, what: bytes) -> bytes:
    writer.write(what)
    return await reader.readexactly(len(what))


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the connection is over."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


async def test_bytes_pass_unchanged_and_in_order_however_many():
    async with echo() as proxy:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        much = bytes(range(256)) * (LARGE // 256)
        assert await said(writer, reader, much) == much
        writer.close()


async def test_a_cut_resets_what_is_connected_and_refuses_what_is_new_until_it_heals():
    async with echo() as proxy:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        await said(writer, reader, b"hello")
        proxy.become(Mode.CUT)
        assert await ended(reader)
        again, _ = await asyncio.open_connection(LOOPBACK, proxy.port)
        assert await ended(again)
        proxy.become(Mode.OPEN)
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        assert await said(writer, reader, b"hello") == b"hello"
        writer.close()


async def test_silence_swallows_and_who_was_hurt_is_reset_when_it_ends():
    async with echo() as proxy:
        hurt_reader, hurt = await asyncio.open_connection(LOOPBACK, proxy.port)
        idle_reader, idle = await asyncio.open_connection(LOOPBACK, proxy.port)
        await said(hurt, hurt_reader, b"hello")
        await said(idle, idle_reader, b"hello")
        proxy.become(Mode.SILENT)
        hurt.write(b"is anybody there")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hurt_reader.read(1), 0.2)
        proxy.become(Mode.OPEN)
        assert await ended(hurt_reader)
        assert await said(idle, idle_reader, b"nothing happened") == b"nothing happened"
        idle.close()


async def test_a_server_that_is_away_is_a_reset():
    proxy = Proxy(free_port(), free_port())
    await proxy.start()
    reader, _ = await asyncio.open_connection(LOOPBACK, proxy.port)
    assert await ended(reader)
    await proxy.close()


def test_what_comes_for_a_side_that_is_gone_is_dropped():
    async def late() -> None:
        async with echo() as proxy:
            reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
            await said(writer, reader, b"hello")
            [pair] = proxy.pairs
            assert pair.client.transport is not None
            pair.client.transport.abort()
            assert await ended(reader)
            pair.server.data_received(b"too late")

    uvloop.run(late())
