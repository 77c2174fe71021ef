"""Several requests at a time, in threads."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")

# The maximum of concurrent requests. boto3 has a pool of 10 connections.
MAX_THREADS = 8


def map_in_threads(function: Callable[[str], T], items: list[str]) -> list[T]:
    """Call a function with each item, in threads, and return the results in the items' order."""
    with ThreadPoolExecutor(MAX_THREADS) as pool:
        return list(pool.map(function, items))


def interleave(iterators: list[Iterator[T]]) -> Iterator[T]:
    """Yield the items of several iterators, in the order in which they arrive.

    At most one item of each iterator is read ahead, since the consumer may be slow.
    """
    pool = ThreadPoolExecutor(MAX_THREADS)
    try:
        pending = {pool.submit(next, each, None): each for each in iterators}
        while pending:
            for done in wait(pending, return_when=FIRST_COMPLETED).done:
                iterator, item = pending.pop(done), done.result()
                if item is not None:
                    pending[pool.submit(next, iterator, None)] = iterator
                    yield item
    finally:
        pool.shutdown(cancel_futures=True)
