"""Trainings: from the first second of a teacher to the best model, with its books."""
