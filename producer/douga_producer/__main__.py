"""`python -m douga_producer` is the command `douga`."""

from douga_producer.cli import main

if __name__ == "__main__":
    main()
