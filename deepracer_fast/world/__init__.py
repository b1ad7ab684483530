"""The world: cars on a road, stepped together, and what their sensors show.

What is said of a race here: ``RaceRules`` (``simulator``) are how every car's episode begins, ends
and is penalised; its field ``race`` is a ``RaceConfig`` (``race_config``): the race type and what
else is on the road, the ``[race]`` table of ``config.toml``; ``_core.TrafficRules`` is the core's
form of a ``RaceConfig``. Two records above this folder are made of these: ``EvaluationOptions``
(``driving.evaluate``) say how greedy laps are driven, and ``RankedRace`` (``racing.race``) is what
all submissions to a leaderboard have in common.
"""
