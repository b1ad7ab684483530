"""What deepracer_fast raises when its input is wrong: one class a station, one clear line each.

Every message says what is wrong, the rule, what was found and what to do. The command line
prints the message alone and exits with status 1.
"""


class DeepRacerError(Exception):
    """Base of every error that a user's input can cause."""


class ConfigError(DeepRacerError):
    """A setting or an option that cannot be used."""


class InUseError(DeepRacerError):
    """A model folder or a race's file that another process is writing."""


class StorageError(DeepRacerError):
    """A disk without the room for what is to be written."""


class TrackError(DeepRacerError):
    """A track that is unknown, or a route that cannot be driven."""


class ActionError(DeepRacerError):
    """Actions of the wrong shape, or with values that are not finite."""


class SimulatorError(DeepRacerError):
    """A simulator that cannot go on in this process, which was forked in the middle of a step."""


class MetadataError(DeepRacerError):
    """A ``model_metadata.json`` that cannot be used."""


class HyperparameterError(DeepRacerError):
    """A ``hyperparameters.json`` that cannot be used."""


class RewardError(DeepRacerError):
    """A reward function that does not load, raises, or returns something unusable."""


class ArchiveError(DeepRacerError):
    """A model archive, frozen graph or model folder that cannot be read."""


class TraceError(DeepRacerError):
    """A recording of steps (simtrace or log) that cannot be read or replayed."""


class LeaderboardError(DeepRacerError):
    """The file of a race that cannot be read, or a submission under other rules."""


class HostLostError(DeepRacerError):
    """Another host of a training over several hosts is gone."""
