"""The compiler of reward functions: from a source and what is in its module to native code.

Nothing of the user's is run here: the module's values come from a description (`rebuild`), its
functions, classes and objects as stand-ins without code. One folder a phase, each importing only
those before it:

- ``lattice``: what is known about a Python value (``values``), the types of two ways joined and
  what passes have found out (``joins``), what stands for the user's objects (``users``).
- ``lowering``: the one object that all of it works on (``context``) with the code under
  construction; values as leaves and words (``memory``), ways that meet (``merges``).
- ``codegen``: Python's operations, each file what its name says, from ``arithmetic`` to
  ``statements``. What translates an operation is looked up in a table: `EXPRESSIONS`, `STATEMENTS`,
  `BUILTINS`, `MATH`, `NUMPY` and their like.
- ``kernel``: the loop over cars around it, the cars' columns and their state.
- ``passes``: the fixpoint, pass after pass until one finds nothing new.
- ``runtime``: from assembly to instructions.

The rule of the house: compiled code gives what Python gives, or it gives up. Whatever could raise
outside a ``try``, overflow, or leave what the compiler can follow ends the call with the number of
its line, and that one call is made again in plain Python.
"""
