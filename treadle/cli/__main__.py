"""`python -m treadle.cli`, the form that launchers of several processes want."""

from treadle.cli.main import main

if __name__ == "__main__":
    main()
