"""The page's settings: config.json beside its index.html, which the page reads."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chalice_ws.project.config import AppError, read_json, shown

SETTINGS = Path("web", "config.json")

LOOPBACK = ("localhost", "127.0.0.1", "::1")

JSON = dict[str, Any]
Checks = dict[str, tuple[Callable[[Any], bool], str]]


def read_page_settings(path: Path) -> JSON:
    """Read settings of the page.

    Raises:
        AppError: the file cannot be read, or a setting is not valid.
    """
    settings = read_json(path)
    _check(settings, _SETTINGS, str(shown(path)))
    if "sign_in" in settings:
        _check(settings["sign_in"], _SIGN_IN, f"{shown(path)}: sign_in")
        for name in ("issuer", "client_id"):
            if name not in settings["sign_in"]:
                use = _SIGN_IN[name][1]
                raise AppError(f"{shown(path)}: sign_in has no {name}; use {use}")
    return settings


def find_wrong_client(settings: JSON, variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield the client of a page whose ID tokens the app would refuse.

    Args:
        settings: the page's.
        variables: those of the connect function.
    """
    own = settings.get("sign_in", {})
    issuer, audience = variables.get("AUTH_ISSUER"), variables.get("AUTH_AUDIENCE")
    if own.get("token") == "access_token" or own.get("issuer") != issuer:
        return
    # A value that the stack will give is not known here.
    if variables.get("AUTH") != "jwt" or not isinstance(audience, str):
        return
    if own["client_id"] not in [each.strip() for each in audience.split(",")]:
        problem = f"sign_in: client_id is not in AUTH_AUDIENCE (got {own['client_id']!r})"
        yield f'{SETTINGS}: {problem}; add it there, or use "token": "access_token"'


def is_issuer(value: Any) -> bool:
    """Return whether a page may sign in at an address: https, or this machine."""
    scheme, host = _split(value)
    return bool(host) and (scheme == "https" or (scheme == "http" and host in LOOPBACK))


def _is_address(value: Any) -> bool:
    scheme, host = _split(value)
    return bool(host) and scheme in ("ws", "wss")


def _split(value: Any) -> tuple[str, str]:
    """Return the scheme and the host of a URL, empty if it is not valid."""
    try:
        url = urlsplit(value if isinstance(value, str) else "")
        return url.scheme, url.hostname or ""
    except ValueError:
        return "", ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_text_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


_SETTINGS: Checks = {
    "url": (_is_address, "the address of the app, such as wss://chat.example.com"),
    "sign_in": (lambda value: isinstance(value, dict), "an object with issuer and client_id"),
}
_SIGN_IN: Checks = {
    "issuer": (is_issuer, "the issuer of your tokens, such as https://tenant.example.com/"),
    "client_id": (_is_text, "the id of the page's client at the issuer"),
    "token": (lambda value: value in ("id_token", "access_token"), "id_token or access_token"),
    "scope": (_is_text, 'names with spaces between, such as "openid profile offline_access"'),
    "parameters": (
        _is_text_by_name,
        'texts by name, such as {"audience": "https://api.example.com"}',
    ),
    "redirect_uri": (_is_text, "an address that the issuer knows, or one relative to the page"),
    "id_token_hint": (lambda value: isinstance(value, bool), "true or false"),
}


def _check(settings: JSON, checks: Checks, where: str) -> None:
    for name, value in settings.items():
        if name not in checks:
            use = ", ".join(checks)
            raise AppError(f"{where} has an unknown setting (got {name!r}); use {use}")
        is_valid, use = checks[name]
        if not is_valid(value):
            raise AppError(f"{where}: {name} is not valid (got {value!r}); use {use}")
