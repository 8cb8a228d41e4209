"""Hands compiled pipelines to Vertex AI Pipelines and watches them there: PipelineSpec 2.1.0 in, runs and outcomes out.

Read `connection` first: it says what can be asked, and every other module is one step of it. Google's clients are
imported by `clients` alone, when a connection is made.
"""

from __future__ import annotations

from collections.abc import Mapping

from hpc.engines.service import Pace
from hpc.engines.vertex.clients import Clients, login
from hpc.engines.vertex.connection import Connection
from hpc.engines.vertex.place import place_of

__all__ = ["Connection", "connect"]

_CALM = Pace()


def connect(settings: Mapping[str, object], environ: Mapping[str, str], pace: Pace = _CALM) -> Connection:
    """A connection as the settings of `targets.vertex` say, with the credentials that Google's library finds.

    Raises Rejected where the library, the credentials, the project or the region are missing. Asks nobody.
    """
    found = login(environ)
    place = place_of(settings, environ, found.project)
    return Connection(place, Clients(found.credentials, place.endpoint), pace)
