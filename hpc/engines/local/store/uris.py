"""Where an artifact lies, in the one form in which the store compares places."""

from __future__ import annotations


def plain_uri(uri: str) -> str:
    """The uri without `file://` and without slashes at its end."""
    path = uri.removeprefix("file://")
    return path.rstrip("/") or path[:1]


def with_folders(uri: str) -> list[str]:
    """The plain uri and all that it lies in: "/a/b" lies in "/a", "gs://bucket/a" in "gs://bucket"."""
    scheme, mark, place = plain_uri(uri).rpartition("://")
    parts = place.split("/")
    places = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return [scheme + mark + found for found in places if found]
