"""`python -m mrcnn` is the command `mrcnn`."""

from .cli.main import main

if __name__ == "__main__":
    main()
