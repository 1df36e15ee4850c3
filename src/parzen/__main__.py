"""``python -m parzen`` is the command line."""

from parzen.cli import main

if __name__ == "__main__":
    main()
