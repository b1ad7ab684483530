"""The compiler of reward functions: from a module that has run once to native code.

Reading order: ``values`` says what the compiler knows about a Python value, ``emitter`` holds the
code under construction, ``arithmetic``, ``sequences``, ``containers``, ``calls`` and ``arrays``
translate expressions, ``statements`` and ``functions`` the rest; ``program`` puts a kernel
together, ``machine`` turns it into instructions.

The rule of the house: compiled code gives what Python gives, or it gives up. Whatever could raise
outside a ``try``, overflow, or leave what the compiler can follow ends the call with the number of
its line, and that one call is made again in plain Python.
"""
