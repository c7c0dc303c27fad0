"""Run the command line as ``python -m jiaozi.cli``, as processes of ours start each other."""

from jiaozi.cli import main

if __name__ == "__main__":
    main()
