"""Races: their rules, who drives them, and the leaderboard.

A ``RankedRace`` is what all submissions to one leaderboard have in common; what is on its road is a
``RaceConfig`` and how its laps go follows from ``RaceRules``, see ``world``.
"""
