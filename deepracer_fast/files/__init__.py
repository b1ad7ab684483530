"""Files: the formats of the DeepRacer world, our model folders, and how they are written whole.

What cars drove is kept in two forms of the original's: a simtrace (``simtrace``) has a row a step,
and a ``Recording`` (``simtrace_reader``) is one that was read, from a log of anybody's as well;
metrics (``metrics``) have a row an episode, ``EpisodeOutcome`` being what one is made of. A
``CheckpointRecord`` says of one checkpoint how far the training had come and how well it drove.
"""
