"""A detector as a file that runs without the toolbox, and what runs such files."""
