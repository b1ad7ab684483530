"""From LLVM assembly to instructions of this machine, and back from a file.

In: assembly text. Out: an object file as bytes, which any process on this machine can load.
"""

import ctypes
import sys
from functools import cache
from typing import Any

import llvmlite.binding as llvm

LIBRARY = (
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh"),
    *("atanh", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "erf", "erfc"),
    *("pow", "fmod", "atan2", "hypot", "copysign", "fma", "floor", "ceil", "trunc", "rint"),
    *("roundeven", "fabs", "sqrt", "fmax", "fmin"),
)
_LARGE = 400_000  # bytes of assembly from which less is optimised


@cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


def host() -> str:
    """What object files depend on: the processor and the version of LLVM."""
    features = llvm.get_host_cpu_features().flatten()
    version = ".".join(map(str, llvm.llvm_version_info))
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {features} {version}"


def compile_assembly(assembly: str) -> bytes:
    """Optimises assembly for this machine; an object file comes back."""
    level = 2 if len(assembly) < _LARGE else 1
    machine = _target().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=level,
        # Addresses in full: the loader may put code, constants and the C library farther apart
        # than 32 bits reach, and LLVM aborts the process then.
        reloc="static",
        codemodel="large",
    )
    module = llvm.parse_assembly(assembly)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = level > 1
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


@cache
def _name_library() -> None:
    """Tells LLVM where the C library's functions are."""
    library = ctypes.CDLL("libm.so.6" if sys.platform == "linux" else None)
    for name in LIBRARY:
        function = getattr(library, name, None)
        if function is not None:
            address = ctypes.cast(function, ctypes.c_void_p).value
            llvm.add_symbol(name, address)
    llvm.add_symbol("memmove", ctypes.cast(ctypes.memmove, ctypes.c_void_p).value)


class Machine:
    """A loaded kernel; `run` releases the GIL and says whether a car was given up."""

    def __init__(self, code: bytes) -> None:
        _name_library()
        self._engine = llvm.create_mcjit_compiler(
            llvm.parse_assembly(""), _target().create_target_machine()
        )
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        kind = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
        self.run = kind(self._engine.get_function_address("kernel"))
