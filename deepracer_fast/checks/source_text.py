"""Text of Python files, in the encoding that the file itself declares (PEP 263).

In: bytes, or text. Out: the other of the two; a text that was read is written as it was found.
Neighbours: ``reward.loading`` reads reward functions, ``model_folder`` keeps their copies.
"""

import codecs
import io
import tokenize

_FAR_TOO_SLOW = ("punycode", "idna")  # to decode takes the square of the length


def declared_encoding(data: bytes) -> str:
    """The encoding that Python reads this file in.

    Raises:
        LookupError: it declares one that Python does not know, or that is not for text.
    """
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        if "unknown encoding" in str(error):
            raise LookupError(str(error)) from error
        return "utf-8"  # which the bytes are not, as decoding them will say
    if encoding in _FAR_TOO_SLOW:
        raise LookupError(f"unknown encoding: {encoding}")
    return encoding


def decoded(data: bytes) -> str:
    """The text of a file; the mark that some editors begin one with is no part of it.

    Raises:
        LookupError: see `declared_encoding`.
        UnicodeDecodeError: the bytes are not what the file declares, or not UTF-8.
    """
    return data.decode(declared_encoding(data))


def encoded(text: str) -> bytes:
    """The bytes of a text, as the text itself declares.

    Raises:
        LookupError: see `declared_encoding`.
        UnicodeEncodeError: what it declares cannot hold it.
    """
    plain = text.encode("utf-8", "surrogatepass")
    encoding = declared_encoding(plain)
    return plain if encoding in ("utf-8", "utf-8-sig") else text.encode(encoding)
