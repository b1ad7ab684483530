"""Races: their rules, who drives them, and the leaderboard."""
