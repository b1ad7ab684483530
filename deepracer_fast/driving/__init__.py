"""Driving: policies at the wheel, for experience, evaluation or replay, and what is kept of it.

Of what cars drive there is, from the step up: a ``Trace`` (``trace``), every step of a batch in
memory; ``EpisodeBooks`` (``episode_books``), which add the steps of each car up to episodes, and
hand out a ``Driven``: the outcomes of episodes that ended, how the others stand, and the trace; a
``Rollout`` (``collect``), the same steps as the learner takes them; a ``Lap`` (``evaluate``), one
greedy lap in figures. On disk they are files of the original's kinds (``files``).
"""
