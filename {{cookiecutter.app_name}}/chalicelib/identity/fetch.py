"""Documents from the issuer: a request with bounds, and a value that outlives invocations."""

import json
import logging
import time
from collections.abc import Callable
from threading import Thread
from typing import Any, Generic, TypeVar
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from chalicelib import settings

log = logging.getLogger(__name__)

T = TypeVar("T")

# The time of a connect function is short, and the issuer's answer is kept.
TIMEOUT_SECONDS = 3

# The largest known key set, Microsoft's, has 30 KB.
MAX_BYTES = 512 * 1024

# The least time between two tries. Tokens with an unknown key cause no more.
COOLDOWN_SECONDS = 30


class Unavailable(Exception):
    """A value could not be fetched, neither now nor before."""


class Cached(Generic[T]):
    """A value that is fetched when it is needed, and again when it is too old.

    While the source does not answer, the last value stays.

    Args:
        fetch: returns the value, or raises any exception.
        source: the source's name for the log.
    """

    def __init__(self, fetch: Callable[[], T], source: str) -> None:
        self._fetch = fetch
        self._source = source
        self._values: list[T] = []
        self._fetched_at = self._tried_at = float("-inf")

    def get(self, max_age_seconds: float) -> T:
        """Return the value.

        Raises:
            Unavailable: the source has not answered so far.
        """
        # Lambda stops a process between events, and its monotonic clock may stop too.
        now = time.time()
        is_old = now - self._fetched_at >= max_age_seconds
        if is_old and now - self._tried_at >= COOLDOWN_SECONDS:
            self._tried_at = now
            try:
                self._values = [self._fetch()]
                self._fetched_at = now
            except Exception as error:
                text = " ".join(str(error).split())[:300]
                log.error("cannot read %s (got %s: %s)", self._source, type(error).__name__, text)
        if not self._values:
            raise Unavailable
        return self._values[0]


def read_json(url: str, deadline: float) -> dict[str, Any]:
    """Return the JSON object at a URL.

    Args:
        deadline: the end of the request, in seconds of time.monotonic().

    Raises:
        ValueError: the URL is not trusted, or the answer is not a JSON object.
        OSError: the request failed, or took too long.
    """
    if not settings.is_trusted_url(url):
        raise ValueError(f"the address is not https (got {url!r})")
    answers: list[bytes | Exception] = []
    # A socket's timeout limits one read, and the lookup of a name has none.
    thread = Thread(target=_read, args=(url, answers), daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if not answers:
        raise TimeoutError(f"{url} does not answer within {TIMEOUT_SECONDS} s")
    answer = answers[0]
    if isinstance(answer, Exception):
        raise answer
    content = json.loads(answer)
    if not isinstance(content, dict):
        raise ValueError(f"{url} is not a JSON object")
    return content


def _read(url: str, answers: list[bytes | Exception]) -> None:
    try:
        request = Request(url, headers={"Accept": "application/json"})
        with build_opener(_TrustedRedirects).open(request, timeout=TIMEOUT_SECONDS) as response:
            content = bytes(response.read(MAX_BYTES + 1))
        if len(content) > MAX_BYTES:
            raise ValueError(f"{url} has more than {MAX_BYTES} bytes")
        answers.append(content)
    except Exception as error:
        if isinstance(error, HTTPError):
            # It holds the answer's socket.
            error.close()
        answers.append(error)


class _TrustedRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        if not newurl.startswith("https://"):
            raise HTTPError(req.full_url, code, "a redirect that is not to https", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
