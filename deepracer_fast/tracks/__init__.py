"""Tracks: bundled, made up or from a route file; a centre line between two borders."""

from deepracer_fast.renamed import of_tracks as __getattr__  # noqa: F401
