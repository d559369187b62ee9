"""Errors that the user can mend: the command line shows them in one line, without a traceback."""


class UserError(Exception):
    """What was given cannot be used; the message says what was expected and what to do."""


class CheckpointError(UserError, RuntimeError):
    """A checkpoint that cannot be fetched or read, is refused, or belongs to another model."""


class ArgumentError(UserError, ValueError, AssertionError):
    """Arguments that cannot be used, or not together; 0.x raised an AssertionError there."""
