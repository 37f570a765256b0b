"""What must not be in a report that is pasted where everybody reads it: secrets, passwords in URLs, home folders."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

HIDDEN = "***"
SHORTEST_SECRET = 6
"""A shorter value is not looked for elsewhere: it could be a part of any word."""

_SECRET = re.compile(r"TOKEN(?!IZER)|SECRET|PASSW|PASSPHRASE|CREDENTIAL|KEY(?!BOARD)|AUTH(?!OR)", re.IGNORECASE)
# Up to the last @, also where that was written as %40, since a password may hold one; and without a scheme, since that
# is easily misspelled, and left out of proxies altogether.
_PASSWORD = re.compile(r"//(?P<user>[^\s:/@]*):\S*(?:@|%40)")
_PASSWORD_OF_PROXY = re.compile(r"(?<![^\s'\"=])(?P<user>[^\s:/@'\"=]+):[^\s:/@][^\s@]*@(?=[\w.-]+:\d)")
_USER_OF_WEB = re.compile(r"(?P<scheme>https?://)[^\s/@]+@")
_PARAMETER = re.compile(r"(?P<name>[?&](?:\w*passw\w*|pwd|\w*token|\w*secret|\w*key|sig\w*)=)[^&\s'\"]+", re.IGNORECASE)


def is_secret(variable: str) -> bool:
    """Whether the value of an environment variable is nobody's business, by its name."""
    return _SECRET.search(variable) is not None


def censor() -> Callable[[str], str]:
    """Return a function that takes out of a text what must not be in it: for this user and this environment."""
    values = {value for name, value in os.environ.items() if is_secret(name) and len(value) >= SHORTEST_SECRET}
    # Paths and switches are no secrets, though a variable such as SSH_AUTH_SOCK has one.
    secrets = [re.escape(value) for value in sorted(values, key=len, reverse=True) if not value.startswith(("/", "~"))]
    secret = re.compile("|".join(secrets)) if secrets else None
    # Not within another name: /home/ada is neither part of /home/ada2 nor of /mnt/home/ada.
    folders = "|".join(re.escape(home) for home in sorted(_homes(), key=len, reverse=True))
    home = re.compile(rf"(?<![\w.-])(?:{folders})(?![\w.-])") if folders else None

    def clean(text: str) -> str:
        text = _PASSWORD.sub(rf"//\g<user>:{HIDDEN}@", text)
        text = _PASSWORD_OF_PROXY.sub(rf"\g<user>:{HIDDEN}@", text)
        text = _USER_OF_WEB.sub(rf"\g<scheme>{HIDDEN}@", text)
        text = _PARAMETER.sub(rf"\g<name>{HIDDEN}", text)
        text = secret.sub(HIDDEN, text) if secret else text
        return home.sub("~", text) if home else text

    return clean


def _homes() -> set[str]:
    """Return the home folder as it is written and where it really is."""
    try:
        home = Path.home()
    except RuntimeError:  # nobody's
        return set()
    # A home that is the root is everybody's beginning of every path.
    return {str(path) for path in (home, home.resolve()) if len(path.parts) > 1}
