"""Tracks: bundled, made up or from a route file; a centre line between two borders."""

from deepracer_fast.renamed import keep_old_names

keep_old_names(__name__)
