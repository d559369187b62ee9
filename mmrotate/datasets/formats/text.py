"""What label files that are lines of text share."""

import codecs
from collections.abc import Iterator, Sequence


def text_of(content: bytes) -> str:
    """Text of a file; a ValueError says what it seems to be instead of UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError('the text is in UTF-16; save it as UTF-8')
    if b'\0' in content:
        raise ValueError('this is no UTF-8 text: it holds zero bytes (binary data, or UTF-16)')
    try:
        return content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(
            f'this is no UTF-8 text (byte {error.start}); if it is text in another encoding (gbk, latin-1), save it as '
            'UTF-8'
        ) from None


def rows_of(text: str) -> Iterator[tuple[str, list[str]]]:
    """Place and words of each line that is not empty."""
    for number, line in enumerate(text.splitlines(), start=1):
        if fields := line.split():
            yield f'line {number}', fields


def are_numbers(words: Sequence[str]) -> bool:
    """Whether there are words, all of them numbers."""
    try:
        return bool([float(word) for word in words])
    except ValueError:
        return False
