"""Data-subject requests on the desk: their course, the search, the letters."""

from __future__ import annotations

from gate.operations.requests.request_letters import RequestLetters
from gate.operations.requests.request_search import RequestSearch
from gate.operations.requests.requests import Requests


class RequestDesk(Requests, RequestSearch, RequestLetters):
    """All of the use cases about requests, but for the erasure (``erasure``)."""
