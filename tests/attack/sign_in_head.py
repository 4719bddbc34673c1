"""Somebody (or a mail filter, a link preview, a browser that looks ahead) wants the console's one sign-in used up.

The address of ``dialgate console --web`` signs in once. This asks for it as everything but a person's browser does,
then once as a browser would:

    python -m tests.attack.sign_in_head http://127.0.0.1:8090/?token=…

and prints one line of JSON: ``looked``, the status of each look, and ``opened``, that of the visit (303: signed in).
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

LOOKS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("HEAD", {}),
    ("OPTIONS", {}),
    ("POST", {}),
    ("HEAD", {"User-Agent": "Slackbot-LinkExpanding 1.0"}),
    ("GET", {"Sec-Purpose": "prefetch;prerender"}),
    ("GET", {"Purpose": "prefetch"}),
    ("GET", {"X-Purpose": "preview"}),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, then visit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    address = parser.parse_args(arguments).address
    looked = [_asked(address, method, headers) for method, headers in LOOKS]
    print(json.dumps({"looked": looked, "opened": _asked(address, "GET", {})}))
    return 0


def _asked(address: str, method: str, headers: Mapping[str, str]) -> int:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", headers=dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
