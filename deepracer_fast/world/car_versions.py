"""The cars whose physics are known, by ``version`` of model_metadata.json.

In: a version. Out: nothing, or a refusal. Neighbours: the core has the physics; ``simulator`` and
whoever is told a version ask here.
"""

from deepracer_fast.errors import ConfigError

CAR_VERSIONS = (3, 4, 5, 6)
"""3 and 4 are one car."""


def check_car_version(version: int) -> None:
    """Refuses a car that is not known here.

    Raises:
        ConfigError: it is none of ``CAR_VERSIONS``.
    """
    if version not in CAR_VERSIONS:
        raise ConfigError(
            f"car_version must be one of {', '.join(map(str, CAR_VERSIONS))}, got {version}: the "
            "cars of versions 1 and 2 have other controllers and wheels, of which no recording is "
            "known; version 3 is the nearest"
        )
