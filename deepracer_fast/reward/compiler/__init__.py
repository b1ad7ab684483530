"""The compiler of reward functions: from a source and what is in its module to native code.

Nothing of the user's is run here: the module's values come from a description (`rebuild`), its
functions, classes and objects as stand-ins without code.

Reading order: ``values`` says what the compiler knows about a Python value, ``users`` what stands
for the user's objects, ``joins`` what two ways have in common, ``emitter`` holds the code under
construction. On top of it each file adds what its name says: ``arithmetic``, ``sequences``,
``slices``, ``comparisons``, ``state``, ``containers``, ``numbers``, ``iteration``, ``calls``,
``arrays``, ``reductions``, ``vectors``, ``functions`` (with ``scopes`` and ``library``),
``expressions``, ``statements``. ``program`` puts a kernel together, ``machine`` turns it into
instructions.

The rule of the house: compiled code gives what Python gives, or it gives up. Whatever could raise
outside a ``try``, overflow, or leave what the compiler can follow ends the call with the number of
its line, and that one call is made again in plain Python.
"""
