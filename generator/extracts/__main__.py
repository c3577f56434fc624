"""Run the command-line tool: `python -m extracts`."""

from extracts.cli import main

if __name__ == "__main__":
    main()
