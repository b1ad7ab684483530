"""The compiler of reward functions: from a source and what is in its module to native code.

Nothing of the user's is run here: the module's values come from a description (`rebuild`), its
functions, classes and objects as stand-ins without code. `README.md` follows one function through
the phases, each of which is a folder that imports only those before it: `lattice`, `lowering`,
`codegen`, `kernel`; then `passes`, the fixpoint, and `runtime`, from assembly to instructions.

The rule of the house: compiled code gives what Python gives, or it gives up. Whatever could raise
outside a ``try``, overflow, or leave what the compiler can follow ends the call with the number of
its line, and that one call is made again in plain Python.
"""
