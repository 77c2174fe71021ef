"""The loop in which a trigger asks a service on this machine for what its function gets."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("chalice_ws")

RETRY_SECONDS = 1


async def poll(process: Callable[[], Awaitable[None]], source: str) -> None:
    """Process what a source has, again and again, until cancelled.

    Args:
        process: gets what is new and runs the function. An error is logged, and it is called again.
        source: the source, for messages.
    """
    while True:
        try:
            await process()
        except Exception:
            log.exception("cannot process %s", source)
            await asyncio.sleep(RETRY_SECONDS)
