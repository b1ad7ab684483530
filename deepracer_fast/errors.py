"""What deepracer_fast raises when its input is wrong: one class a station, one clear line each.

Every message says what is wrong, the rule, what was found and what to do. The command line
prints the message alone and exits with status 1. Names and values in it come from files of
strangers: here, in one place, they are made fit for a terminal and for one line.
"""

MAX_MESSAGE = 500
"""Characters of a message; of a longer one the middle goes, since the remedy stands at the end."""


def printable(text: str) -> str:
    """A text from a file as a terminal may show it: what is no visible character is escaped.

    Control characters could move the cursor, change colours or hide what was printed before.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def one_line(text: str) -> str:
    """A message as one printable line of at most ``MAX_MESSAGE`` characters."""
    line = printable(text)
    if len(line) <= MAX_MESSAGE:
        return line
    kept = MAX_MESSAGE - len(" ... ")
    return f"{line[: kept - kept // 3]} ... {line[-(kept // 3) :]}"


class DeepRacerError(Exception):
    """Base of every error that a user's input can cause.

    Args:
        message: shown as ``one_line`` makes it.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(self._shown(str(message)))

    @staticmethod
    def _shown(message: str) -> str:
        return one_line(message)


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
    """A reward function that does not load, raises, or returns something unusable.

    Below the message stand the source line and a caret, on lines of their own.
    """

    @staticmethod
    def _shown(message: str) -> str:
        return "\n".join(map(one_line, message.split("\n")))


class ArchiveError(DeepRacerError):
    """A model archive, frozen graph or model folder that cannot be read."""


class TraceError(DeepRacerError):
    """A recording of steps (simtrace or log) that cannot be read or replayed."""


class LeaderboardError(DeepRacerError):
    """The file of a race that cannot be read, or a submission under other rules."""


class HostLostError(DeepRacerError):
    """Another host of a training over several hosts is gone."""
