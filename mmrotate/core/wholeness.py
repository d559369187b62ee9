"""Image files that were cut off, which decoders take without a word."""


def damage(data: bytes) -> str | None:
    """Why a file of these bytes is no whole image: it is empty, or a JPEG that was cut off; None if it may be one.

    Decoders fill the lost part of a JPEG with grey and say nothing: its end mark is looked for.
    """
    if not data:
        return 'is an empty file'
    if data[:2] == b'\xff\xd8' and data.rfind(b'\xff\xd9') < 0:
        return f'is truncated ({len(data)} bytes)'
    return None
