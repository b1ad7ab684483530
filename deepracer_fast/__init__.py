"""deepracer_fast: a batched DeepRacer simulator, a PPO learner, and the archive in between.

The line: track -> simulator -> observation -> policy -> action, with the reward beside it.
Names are imported from their stations, so that importing the package loads nothing heavy.
"""

__version__ = "0.1.0"
