"""Trials of what must not break, each with ``run(count, seed)`` that gives a line a finding."""
