"""What JAX has compiled is kept on the disk, so that the next process starts at once.

In: nothing. Out: JAX's settings; the files lie where ``cache_folder`` says. JAX names each by the
program, its own version and the processor, so that a stale one is never taken. Importing this
loads JAX.
"""

import sys

import jax

from deepracer_fast.files.cache_folder import cache_folder, remark


def keep_compiled_programs() -> None:
    """Turns the cache on, unless the user has chosen a place (``JAX_COMPILATION_CACHE_DIR``)."""
    if jax.config.values["jax_compilation_cache_dir"] is None:
        if said := remark():
            print(said, file=sys.stderr)
        folder = cache_folder("jax")
        jax.config.update("jax_compilation_cache_dir", None if folder is None else str(folder))
    # A start compiles dozens of small programs, a tenth of a second each.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
