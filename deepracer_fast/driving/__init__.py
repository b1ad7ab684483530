"""Driving: policies at the wheel, for experience, evaluation or replay, and the record of it."""
