"""Tracks: bundled, made up or from a route file; a centre line between two borders."""
