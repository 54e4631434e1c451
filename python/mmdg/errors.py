"""What can go wrong. Each class has a `code`, a word that stays the same from version to version."""

from __future__ import annotations


class Error(Exception):
    """Any error of mmdg's own."""

    code: str = "error"


class InputError(Error, ValueError):
    """Something that was given is wrong: no store in that folder, a modality that it does not have, a value that cannot be stored."""

    code = "input"


class IntegrityError(Error):
    """Stored bytes are not what their record says."""

    code = "integrity"


class IoError(Error, OSError):
    """The operating system refused to read or write."""

    code = "io"


class MediaError(Error):
    """A recording or picture cannot be decoded."""

    code = "media"


class MachineError(Error):
    """This machine lacks something, such as space or threads."""

    code = "environment"


class BusyError(Error):
    """Another process is at work in that folder."""

    code = "busy"
