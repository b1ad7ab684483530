"""Trials of a reward function: drives on which everything happens that a training may meet."""
