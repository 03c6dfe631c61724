"""TODO check."""


def add_arguments(parser):
    """Add the options of this verb."""


def execute(options):
    """Run it."""
