"""The second engine: the simulator once more in Numba, short enough to read and to change.

``Simulator(engine="numba")`` runs it. It is the oracle of the native core's tests, and the place
to change physics, rules or camera without a compiler.
In order of reading: ``cars`` (the state), ``vehicle`` (one car's motion), ``road`` (where a point
lies), ``rules`` (one car's episode), ``objects``, ``lanes``, ``bots``, ``traffic`` and ``meeting``
(what else is on the road), ``track_state`` (what only a value network reads); ``ground`` and
``camera`` (the picture), ``object_view`` and ``lidar`` (how objects are seen), ``sensors`` (what a
car carries); ``engine`` (the loops over cars, and what the simulator talks to).
Of the core it takes what others read as well: the columns of parameters, the shapes of sensors, the
limits of commands, the fitted cars. Numbers of the law, the rules and the camera are written here
anew: where the two differ, a test of one against the other fails.
"""
