"""Trainings: from the first second of a teacher to the best model, with its books.

``config`` says what is asked for, ``job`` is that with its files, ``Training`` runs it. What is
written down of it: a ``TrainingRecord`` (``record``) keeps all books of one training; ``Iteration``
(``iterations``) is a row of them, and ``traces`` their simtraces; ``checkpoints`` writes models. A
``Report`` is what the screen is shown and nobody keeps.
"""
