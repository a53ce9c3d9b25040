"""Why an operation of the command line is not done; each message says what to do."""


class Refused(Exception):
    """The operation is not done; the message says why and what to do."""


class WronglySetUp(Exception):
    """The operation does not know where to work; the message says what to set."""
