"""Parts of the fuzzing, one module each; ``benchmarks/fuzz.py`` finds whatever lies here.

A part offers

- ``NAME``: its name on the command line and in the table;
- ``COUNT``: how many cases a whole run has;
- ``run_case(index, folder) -> str``: makes case ``index`` in the empty ``folder``, the same one at every call, and runs
  it. It gives 'value' (a right result), 'refused' (an error that says what is wrong and where) or 'FAULT: why'. An
  exception that leaves it is a fault too. It runs in a child process that handles many cases: whatever is costly to
  make (a model, a valid file to damage) can be kept between them.
"""
