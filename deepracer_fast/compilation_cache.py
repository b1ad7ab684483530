"""What JAX has compiled is kept on the disk, so that the next process starts at once.

In: nothing. Out: JAX's settings; the files lie below ``$DEEPRACER_FAST_CACHE``, or else in
``deepracer_fast`` below ``$XDG_CACHE_HOME`` or ``~/.cache``. JAX names each by the program, its own
version and the processor, so that a stale one is never taken. Importing this loads JAX.
"""

import os
from pathlib import Path

import jax


def keep_compiled_programs() -> None:
    """Turns the cache on, unless the user has chosen a place (``JAX_COMPILATION_CACHE_DIR``)."""
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(_folder()))
    # A start compiles dozens of small programs, a tenth of a second each.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def _folder() -> Path:
    given = os.environ.get("DEEPRACER_FAST_CACHE")
    if given:
        return Path(given) / "jax"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "deepracer_fast" / "jax"
